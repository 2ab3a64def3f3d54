//! Consensus parameters, as keyword arguments say them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use subvm_core::costs::Limits;
use subvm_core::{FloatPolicy, Params, Personality, Profile};

/// The parameters: `profile`, `floats` and `personality` by name, `limits` by field; what is not said is the default.
#[derive(FromPyObject)]
pub(crate) struct Settings<'py> {
    #[pyo3(item)]
    profile: String,
    #[pyo3(item)]
    floats: String,
    #[pyo3(item)]
    personality: String,
    #[pyo3(item)]
    fingerprints: bool,
    #[pyo3(item)]
    limits: Bound<'py, PyDict>,
}

impl Settings<'_> {
    /// # Errors
    /// `ValueError` where a name is unknown, with those that are known.
    pub(crate) fn params(&self) -> PyResult<Params> {
        let floats = [FloatPolicy::Soft, FloatPolicy::Trap, FloatPolicy::Canonical];
        let params = Params {
            profile: named("profile", &self.profile, &Profile::ALL, Profile::name)?,
            floats: named("floats", &self.floats, &floats, FloatPolicy::name)?,
            personality: named(
                "personality",
                &self.personality,
                &[Personality::Seed, Personality::Program, Personality::GenVm],
                Personality::name,
            )?,
            fingerprints: self.fingerprints,
            limits: limits(&self.limits)?,
            ..Params::default()
        };
        params.supported().map_err(PyValueError::new_err)?;
        Ok(params)
    }
}

fn named<T: Copy>(key: &str, name: &str, all: &[T], names: impl Fn(T) -> &'static str) -> PyResult<T> {
    let found = all.iter().copied().find(|one| names(*one) == name);
    found.ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|one| names(*one)).collect();
        PyValueError::new_err(format!("{key}: there is no {name:?}; there are {}", known.join(", ")))
    })
}

fn limits(given: &Bound<'_, PyDict>) -> PyResult<Limits> {
    let mut limits = Limits::default();
    for (key, value) in given.iter() {
        let key: String = key.extract()?;
        macro_rules! fields {
            ($($field:ident)*) => {
                match key.as_str() {
                    $(stringify!($field) => limits.$field = value.extract().map_err(|error| {
                        PyValueError::new_err(format!("limits, {key}: {error}"))
                    })?,)*
                    _ => {
                        let known = [$(stringify!($field)),*].join(", ");
                        return Err(PyValueError::new_err(format!("limits: there is no {key:?}; there are {known}")));
                    }
                }
            };
        }
        fields!(ram open_fds depth nondet_blocks stack_units nondet_result fingerprint_frames gas_time gas_time_nondet gas_storage gas_data);
    }
    Ok(limits)
}
