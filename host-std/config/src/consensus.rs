//! From section `consensus` to the parameters of each height.

use subvm_core::costs::Limits;
use subvm_core::{Params, RuleSets};
use toml::{Table, Value};

use super::{ConfigError, Consensus};

impl Consensus {
    /// The consensus parameters of the first height; those of all heights are [`rules`](Self::rules).
    #[must_use]
    pub fn params(&self) -> Params {
        let Self { schedule, lowering, floats, profile, fingerprints, refused_env, limits, .. } = self.clone();
        let (personality, exceptions) = (self.personality.unwrap_or_default(), self.exceptions.unwrap_or_default());
        Params { floats, profile, personality, exceptions, fingerprints, refused_env, limits, schedule, lowering }
    }

    /// The rules by height: those of the section from [`from`](Self::from) on, and those of each change, which has all that it does not say
    /// from the one before it. What this release cannot hold a run to is refused here, long before its height comes.
    ///
    /// # Errors
    /// Where a change has a value that makes no sense, heights do not ascend, or a set cannot be held to.
    ///
    /// ```
    /// use subvm_config::Config;
    /// let text = "[consensus]\nfloats = \"trap\"\n[[consensus.changes]]\nfrom = 100\nlimits.depth = 8";
    /// let rules = Config::parse(text, "chain.toml")?.consensus.rules()?;
    /// let [first, second] = [99, 100].map(|height| rules.at(height).unwrap());
    /// assert_eq!((first.limits.depth, second.limits.depth), (512, 8));
    /// assert_eq!(first.floats, second.floats);
    /// # Ok::<(), subvm_config::ConfigError>(())
    /// ```
    pub fn rules(&self) -> Result<RuleSets, ConfigError> {
        let refused = |what: &dyn std::fmt::Display| ConfigError::value("consensus", what);
        self.check()?;
        let own = Self { changes: Vec::new(), ..self.clone() };
        let mut keys = Table::try_from(&own).map_err(|error| refused(&error))?;
        let mut sets = vec![(self.from, self.params())];
        for change in &self.changes {
            let key = format!("consensus.changes, from height {}", change.from);
            if change.keys.contains_key("changes") {
                return Err(ConfigError::value(&key, "a change holds no changes: write each as one of its own"));
            }
            lay_over(&mut keys, &change.keys);
            let set: Self = keys.clone().try_into().map_err(|error: toml::de::Error| {
                ConfigError::value(&key, error.message().lines().collect::<Vec<_>>().join("; "))
            })?;
            set.check()?;
            sets.push((change.from, set.params()));
        }
        RuleSets::new(sets).map_err(|error| refused(&error))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Limits { gas_time, gas_time_nondet, .. } = self.limits;
        let limits = [("consensus.limits.gas_time", gas_time), ("consensus.limits.gas_time_nondet", gas_time_nondet)];
        for (key, ticks) in limits {
            if i64::try_from(ticks).is_err() {
                return Err(ConfigError::value(key, "must be below 2^63"));
            }
        }
        Ok(())
    }
}

/// Gives keys the values that another table has; of a table in it, again by key.
fn lay_over(keys: &mut Table, other: &Table) {
    for (name, value) in other {
        match (keys.get_mut(name), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            _ => {
                keys.insert(name.clone(), value.clone());
            }
        }
    }
}
