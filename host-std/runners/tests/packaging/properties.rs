//! What holds of any archive, manifest and id.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use subvm_core::Mode;
use subvm_runners::{Action, Archive, Bounds, Known, Loader, Nowhere, RunnerId, gvm32};

use super::make::{entry, read, ustar, zip};

fn files() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    btree_map("[a-z]{1,3}(/[a-zé]{1,3}){0,3}", vec(any::<u8>(), 0..600), 0..8)
}

fn held(archive: &Archive) -> BTreeMap<String, Vec<u8>> {
    archive
        .below("")
        .filter(|(name, _)| *name != "runner.json")
        .map(|(name, file)| (name.into(), file.to_vec()))
        .collect()
}

/// An archive by the library's own writer.
fn written(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut writer = rawzip::ZipArchiveWriter::new(Vec::new());
    for (name, bytes) in [("runner.json".to_owned(), b"{}".to_vec())]
        .iter()
        .chain(files.iter().map(|(n, b)| (n.clone(), b.clone())).collect::<Vec<_>>().iter())
    {
        let (mut entry, config) =
            writer.new_file(name).compression_method(rawzip::CompressionMethod::STORE).start().expect("in memory");
        let mut data = config.wrap(&mut entry);
        data.write_all(bytes).expect("in memory");
        let (_, descriptor) = data.finish().expect("in memory");
        entry.finish(descriptor).expect("in memory");
    }
    writer.finish().expect("in memory")
}

proptest! {
    #[test]
    fn files_come_out_as_they_went_in(files in files()) {
        let entries: Vec<_> = [("runner.json", &b"{}"[..])].into_iter().chain(files.iter().map(|(n, b)| (n.as_str(), &b[..]))).collect();
        let packed = zip(&entries.iter().map(|(name, bytes)| entry(name, bytes)).collect::<Vec<_>>());
        prop_assert_eq!(held(&read(&packed).unwrap()), files.clone());
        prop_assert_eq!(held(&read(&ustar(&entries)).unwrap()), files);
    }

    #[test]
    fn a_changed_byte_is_refused_or_changes_nothing_but_what_nobody_reads(files in files(), at: prop::sample::Index, to: u8) {
        let entries: Vec<_> = [("runner.json", &b"{}"[..])].into_iter().chain(files.iter().map(|(n, b)| (n.as_str(), &b[..]))).collect();
        let mut packed = zip(&entries.iter().map(|(name, bytes)| entry(name, bytes)).collect::<Vec<_>>());
        let at = at.index(packed.len());
        packed[at] = to;
        // What still is a ZIP archive holds what it held: names and bytes are said twice, or summed up.
        if let Ok(archive) = read(&packed) && packed.starts_with(b"PK") {
            prop_assert_eq!(held(&archive), files);
        }
    }

    #[test]
    fn no_bytes_are_a_surprise(bytes in vec(any::<u8>(), 0..400), head in prop::sample::select(vec![&b""[..], b"PK\x03\x04", b"PK\x05\x06", b"\0asm", b"# ", b"// v"])) {
        let bytes = [head, &bytes].concat();
        for mode in [Mode::Deterministic, Mode::NonDeterministic] {
            if let Err(error) = Loader::new(Nowhere).contract(&bytes, mode) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn no_text_is_a_surprise_as_a_manifest(text in "\\PC{0,200}|[{}\\[\\]\":,a-z]{0,200}") {
        if let Err(error) = Action::parse(&text, 0, &Bounds::default()) {
            prop_assert!(error.line <= 1 + text.matches('\n').count());
        }
    }

    #[test]
    fn digests_have_one_text(digest: [u8; 32], other in "[0-9a-z]{52}") {
        prop_assert_eq!(gvm32::decode(&gvm32::encode(&digest)), Some(digest));
        prop_assert_eq!(gvm32::decode_nix(&gvm32::encode_nix(&digest)), Some(digest));
        if let Some(digest) = gvm32::decode(&other) {
            prop_assert_eq!(gvm32::encode(&digest), other.clone());
        }
        if let Some(digest) = gvm32::decode_nix(&other) {
            prop_assert_eq!(gvm32::encode_nix(&digest), other);
        }
    }

    #[test]
    fn what_is_an_id_is_written_as_it_was_read(text in "(chain|custom|contract|[a-z]{1,3})(:(0x[0-9a-f]{40}|[0-9a-z]{51}[0g]|test))?(:[af])?") {
        if let Ok(id) = RunnerId::parse(&text, Known::Gvm32) {
            prop_assert_eq!(id.to_string(), text);
        }
    }
}

#[test]
fn what_the_library_writes_to_a_pipe_is_refused_by_name() {
    let error = Archive::read(Arc::from(written(&BTreeMap::new())), &Bounds::default()).expect_err("a pipe");
    assert!(error.to_string().contains("its sizes follow its bytes"), "{error}");
}
