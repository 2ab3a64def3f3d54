//! Contracts and runners in GenVM's packaging, from anybody: refused with a reason, or files that lie in the archive and a package that
//! names no others.

use std::sync::Arc;

use subvm_core::{Mode, wasi::Refused};
use subvm_runners::{Action, Archive, Bounds, Format, Known, Loader, Nowhere, RunnerId};

pub(super) fn runners(data: &[u8]) {
    archive(data);
    for mode in [Mode::Deterministic, Mode::NonDeterministic] {
        let mut loader =
            Loader::new(Nowhere).bounds(Bounds { mapped: 1000, actions: 1000, variable: 4096, ..Bounds::default() });
        match loader.contract(data, mode) {
            Ok(loaded) => {
                assert!(loaded.ram() >= data.len() as u64);
                let held = |bytes: &[u8]| bytes.is_empty() || data.windows(bytes.len()).any(|window| window == bytes);
                assert!(held(&loaded.parts.start), "a module from elsewhere");
                for (path, bytes) in &loaded.parts.files {
                    assert!(
                        path.starts_with('/') && !path.starts_with("/vm/") && held(bytes),
                        "{path:?} from elsewhere"
                    );
                }
                if let Err(error) = loaded.parts.check(&Refused::default()) {
                    assert!(!error.to_string().is_empty());
                }
            }
            Err(error) => assert!(!error.to_string().is_empty() && error.to_string().len() < 4096, "{error}"),
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Action::parse(text, 0, &Bounds::default());
        for known in [Known::Gvm32, Known::Nix32] {
            if let (Ok(id), Known::Gvm32) = (RunnerId::parse(text, known), known) {
                assert!(id.to_string().eq_ignore_ascii_case(text));
            }
        }
    }
}

fn archive(data: &[u8]) {
    let Ok(archive) = Archive::read(Arc::from(data), &Bounds::default()) else { return };
    let (mut bytes, mut names) = (0, 0);
    for (name, file) in archive.below("") {
        assert!(!name.starts_with('/') && name.split('/').all(|part| !matches!(part, "" | "." | "..")), "{name:?}");
        bytes += file.len();
        names += name.len();
    }
    assert!(bytes <= data.len(), "more than there is");
    assert!(names <= data.len() || archive.format != Format::Zip, "names from nowhere");
}
