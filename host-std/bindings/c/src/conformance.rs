//! The conformance kit: do a node's tables keep the promises?

use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::resume_unwind;

use subvm_core::Address;
use subvm_core::host::State;
use subvm_host_mock::conformance::{self, Broken, HostSample, ModulesSample, Written};

use crate::border::{borrowed, guard, slice};
use crate::buffer::subvm_buffer_t;
use crate::caller::Place;
use crate::error::{SUBVM_ERROR_HOST, SUBVM_ERROR_PROMISE, subvm_error_t};
use crate::node::*;
use crate::parts::{self, Part};
use crate::receipt::subvm_page_t;
use crate::{subvm_address_t, subvm_bytes_t, subvm_word_t};

/// A page that a storage under test is to hold.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_written_t {
    /// SUBVM_STATE_FINALIZED where both states hold it, SUBVM_STATE_ACCEPTED where it was accepted on top.
    pub state: u32,
    /// The contract.
    pub contract: subvm_address_t,
    /// The page.
    pub page: subvm_page_t,
}

impl From<&Written> for subvm_written_t {
    fn from(Written { state, contract, page }: &Written) -> Self {
        Self {
            state: if *state == State::Accepted { SUBVM_STATE_ACCEPTED } else { SUBVM_STATE_FINALIZED },
            contract: subvm_address_t { bytes: contract.0 },
            page: subvm_page_t {
                slot: subvm_word_t { bytes: page.slot.0 },
                page: page.page,
                content: subvm_word_t { bytes: page.content },
            },
        }
    }
}

/// Takes a table back that `make` filled in.
type Release<T> = Option<unsafe extern "C" fn(context: *mut c_void, made: *const T)>;

/// A table that is given back when it goes.
struct Lent<T> {
    table: Box<T>,
    release: Release<T>,
    context: *mut c_void,
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: as the header describes it.
            unsafe { release(self.context, &raw const *self.table) };
        }
    }
}

/// Checks parts of one kind with `check`, which makes them with what it is given: by `make`, which is handed the context, where the table goes, and
/// where to say why there is none.
fn judged<T: 'static, A>(
    part: unsafe fn(*const T, &Place) -> Result<Part<T>, subvm_error_t>,
    context: *mut c_void,
    release: Release<T>,
    make: impl Fn(A, *mut c_void, *mut T, *mut subvm_buffer_t) -> i32,
    check: impl FnOnce(&dyn Fn(A) -> Part<T>) -> Result<(), Broken>,
) -> Result<(), subvm_error_t> {
    let failed = RefCell::new(None);
    let made = |given: A| {
        // SAFETY: a table is a size and pointers, each of which may be zero.
        let mut table: Box<T> = Box::new(unsafe { std::mem::zeroed() });
        let mut why = subvm_buffer_t::default();
        let status = make(given, context, &raw mut *table, &raw mut why);
        let made = if status == 0 {
            let lent = Lent { table, release, context };
            // SAFETY: the maker filled it in, as the header says.
            unsafe { part(&raw const *lent.table, &Place::Anywhere) }.map(|part| part.with_owner(Box::new(lent)))
        } else {
            let why = String::from_utf8_lossy(&why.0);
            Err(subvm_error_t::new(SUBVM_ERROR_HOST, &format!("`make` failed with {status}: {why}")))
        };
        made.unwrap_or_else(|error| {
            // Through the kit, which takes it for a panic of a part.
            *failed.borrow_mut() = Some(error);
            resume_unwind(Box::new("there is no part"))
        })
    };
    let checked = check(&made);
    match failed.take() {
        Some(error) => Err(error),
        None => checked.map_err(|broken| subvm_error_t::of(SUBVM_ERROR_PROMISE, &broken)),
    }
}

/// `make`, or an error that says that it is NULL.
fn there<F>(make: Option<F>) -> Result<F, subvm_error_t> {
    make.ok_or_else(|| crate::border::argument("make is NULL"))
}

/// Checks a storage: SUBVM_ERROR_PROMISE says the first promise that it broke. `make` fills in the table of one that holds exactly the `written_len`
/// pages it is given, of which later ones replace earlier ones, and returns 0; `release` takes it back, and may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_check_storage(
    make: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            written: *const subvm_written_t,
            written_len: usize,
            made: *mut subvm_storage_t,
            error: *mut subvm_buffer_t,
        ) -> i32,
    >,
    release: Option<unsafe extern "C" fn(context: *mut c_void, made: *const subvm_storage_t)>,
    context: *mut c_void,
) -> *mut subvm_error_t {
    guard(|| {
        let make = there(make)?;
        let make = |pages: Vec<subvm_written_t>, context, made, why| {
            // SAFETY: as the header describes it.
            unsafe { make(context, pages.as_ptr(), pages.len(), made, why) }
        };
        let check = |made: &dyn Fn(Vec<subvm_written_t>) -> _| {
            conformance::storage(|pages: &[Written]| made(pages.iter().map(Into::into).collect()))
        };
        judged(parts::storage, context, release, make, check)
    })
}

/// Checks a clock: SUBVM_ERROR_PROMISE says the first promise that it broke. `make` fills in the table of one for the same transaction each time,
/// and returns 0; `release` takes it back, and may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_check_clock(
    make: Option<
        unsafe extern "C" fn(context: *mut c_void, made: *mut subvm_clock_t, error: *mut subvm_buffer_t) -> i32,
    >,
    release: Option<unsafe extern "C" fn(context: *mut c_void, made: *const subvm_clock_t)>,
    context: *mut c_void,
) -> *mut subvm_error_t {
    guard(|| {
        let make = there(make)?;
        // SAFETY: as the header describes it.
        let make = |(), context, made, why| unsafe { make(context, made, why) };
        judged(parts::clock, context, release, make, |made| conformance::clock(|| made(())))
    })
}

/// Checks a generator: SUBVM_ERROR_PROMISE says the first promise that it broke. `make` fills in the table of a new one each time, and returns 0;
/// `release` takes it back, and may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_check_rng(
    make: Option<unsafe extern "C" fn(context: *mut c_void, made: *mut subvm_rng_t, error: *mut subvm_buffer_t) -> i32>,
    release: Option<unsafe extern "C" fn(context: *mut c_void, made: *const subvm_rng_t)>,
    context: *mut c_void,
) -> *mut subvm_error_t {
    guard(|| {
        let make = there(make)?;
        // SAFETY: as the header describes it.
        let make = |(), context, made, why| unsafe { make(context, made, why) };
        judged(parts::rng, context, release, make, |made| conformance::rng(|| made(())))
    })
}

/// Checks a host: SUBVM_ERROR_PROMISE says the first promise that it broke. `contract` has code in both states, and `nobody` has none. `make` fills
/// in the table of one for the same chain at the same height each time, and returns 0; `release` takes it back, and may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_check_host(
    contract: *const subvm_address_t,
    nobody: *const subvm_address_t,
    make: Option<
        unsafe extern "C" fn(context: *mut c_void, made: *mut subvm_host_t, error: *mut subvm_buffer_t) -> i32,
    >,
    release: Option<unsafe extern "C" fn(context: *mut c_void, made: *const subvm_host_t)>,
    context: *mut c_void,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (contract, nobody) = unsafe { (borrowed(contract, "contract")?, borrowed(nobody, "nobody")?) };
        let sample = HostSample { contract: Address(contract.bytes), nobody: Address(nobody.bytes) };
        let make = there(make)?;
        // SAFETY: as the header describes it.
        let make = |(), context, made, why| unsafe { make(context, made, why) };
        judged(parts::host, context, release, make, |made| conformance::host(sample, || made(())))
    })
}

/// Checks modules: SUBVM_ERROR_PROMISE says the first promise that they broke. `request` is the canonical calldata of a request that is answered,
/// with a result or with an error; `unknown` that of a request to a module which is not there, or empty where all are. `make` fills in the table of
/// those of a new run each time, and returns 0; `release` takes it back, and may be NULL. What the world answers is not judged, but for its form.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_check_modules(
    request: subvm_bytes_t,
    unknown: subvm_bytes_t,
    make: Option<
        unsafe extern "C" fn(context: *mut c_void, made: *mut subvm_modules_t, error: *mut subvm_buffer_t) -> i32,
    >,
    release: Option<unsafe extern "C" fn(context: *mut c_void, made: *const subvm_modules_t)>,
    context: *mut c_void,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (request, unknown) = unsafe { (slice(request, "request")?, slice(unknown, "unknown")?) };
        let unknown = (!unknown.is_empty()).then(|| unknown.to_vec());
        let sample = ModulesSample { request: request.to_vec(), unknown };
        let make = there(make)?;
        // SAFETY: as the header describes it.
        let make = |(), context, made, why| unsafe { make(context, made, why) };
        judged(parts::modules, context, release, make, |made| conformance::modules(&sample, || made(())))
    })
}
