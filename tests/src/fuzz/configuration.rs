//! Configuration files from anybody: refused in one line that names the place, or settings that mean the same when they are written and read again.

use subvm_host_std::config::Config;

const NAME: &str = "node.toml";

pub(super) fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let config = match Config::parse(text, NAME) {
        Ok(config) => config,
        Err(error) => {
            let said = error.to_string();
            assert!(said.starts_with(NAME) && !said.contains('\n'), "{said}");
            return;
        }
    };
    let written = toml::to_string(&config).expect("settings can be written");
    let again = Config::parse(&written, NAME).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(again, config, "{written}");
    // What all nodes of a chain must have in common has one digest, or cannot be held to, which is said before anything runs.
    assert_eq!(config.consensus.params().digest(), again.consensus.params().digest());
    let refused = config.run.filter().map(drop).and(config.run.engine.builder().map(drop));
    if let Err(error) = refused {
        assert!(!error.to_string().is_empty());
    }
}
