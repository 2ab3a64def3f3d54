//! Reports: a receipt, and what is no part of it.

use subvm_core::{Outcome, Report};

use crate::border::{borrowed, guard, or, written};
use crate::buffer::subvm_buffer_t;
use crate::error::subvm_error_t;
use crate::receipt::subvm_receipt_t;
use crate::subvm_bytes_t;

/// What a run came to on this node. It never changes; what is asked of it lives as long as it does. Free it with subvm_report_free.
pub struct subvm_report_t {
    pub(crate) report: Report,
    receipt: subvm_receipt_t,
    /// The outcome alone.
    result: Vec<u8>,
    fingerprint: Option<Vec<u8>>,
}

/// Figures of a run, for people.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct subvm_figures_t {
    /// The most RAM that deterministic sub-VMs held, in bytes.
    pub ram_peak: u64,
    /// The most RAM that non-deterministic sub-VMs held, in bytes.
    pub ram_peak_nondet: u64,
    /// Time gas that non-deterministic sub-VMs used, in ticks.
    pub ticks_nondet: u64,
}

impl subvm_report_t {
    pub(crate) fn new(report: Report) -> Self {
        Self {
            receipt: subvm_receipt_t::new(report.receipt.clone()),
            result: Outcome::to_bytes(&report.outcome),
            // It is calldata of the library's own, which can be encoded.
            fingerprint: report.fingerprint.as_ref().and_then(|fingerprint| fingerprint.to_value().encode().ok()),
            report,
        }
    }
}

/// The receipt, which lives as long as the report. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_report_receipt(report: *const subvm_report_t) -> *const subvm_receipt_t {
    or(std::ptr::null(), || {
        // SAFETY: by the rules for pointers.
        unsafe { borrowed(report, "report") }.map_or(std::ptr::null(), |report| &raw const report.receipt)
    })
}

/// What the run came to, as subvm_receipt_result, but without a fingerprint: a byte that is 0, 1 or 2, and calldata or a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_report_outcome(report: *const subvm_report_t) -> subvm_bytes_t {
    or(subvm_bytes_t::NONE, || {
        // SAFETY: by the rules for pointers.
        unsafe { borrowed(report, "report") }.map_or(subvm_bytes_t::NONE, |report| subvm_bytes_t::of(&report.result))
    })
}

/// The machine at a failure, as calldata; nothing where the run did not fail, or the parameters do not ask for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_report_fingerprint(report: *const subvm_report_t) -> subvm_bytes_t {
    or(subvm_bytes_t::NONE, || {
        // SAFETY: by the rules for pointers.
        let report = unsafe { borrowed(report, "report") }.ok();
        let fingerprint = report.and_then(|report| report.fingerprint.as_deref());
        fingerprint.map_or(subvm_bytes_t::NONE, subvm_bytes_t::of)
    })
}

/// Figures, for people.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_report_figures(report: *const subvm_report_t) -> subvm_figures_t {
    or(subvm_figures_t::default(), || {
        // SAFETY: by the rules for pointers.
        unsafe { borrowed(report, "report") }.map_or_else(
            |_| subvm_figures_t::default(),
            |subvm_report_t { report, .. }| subvm_figures_t {
                ram_peak: report.ram_peak,
                ram_peak_nondet: report.ram_peak_nondet,
                ticks_nondet: report.ticks_nondet,
            },
        )
    })
}

/// What people should know of the run, a line each: why a module was refused, which option helps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_report_diagnostics(
    report: *const subvm_report_t,
    text: *mut subvm_buffer_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (report, text) = unsafe { (borrowed(report, "report")?, written(text, "text")?) };
        text.set(report.report.diagnostics.join("\n").into_bytes());
        Ok(())
    })
}

/// Frees a report, and with it its receipt. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_report_free(report: *mut subvm_report_t) {
    or((), || {
        if !report.is_null() {
            // SAFETY: it is of `subvm_run`, and the caller has no further use for it.
            drop(unsafe { Box::from_raw(report) });
        }
    });
}
