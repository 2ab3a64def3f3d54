//! The root slot.

use std::collections::BTreeMap;

use subvm_core::{Address, SlotId};
use subvm_runners::root::{Layout, RootError, code_at, slot};

/// Slots that grow as they are written.
#[derive(Default)]
struct Slots(BTreeMap<[u8; 32], Vec<u8>>, Vec<(u32, usize)>);

impl Slots {
    fn write(&mut self, slot: &SlotId, at: usize, bytes: &[u8]) {
        let held = self.0.entry(slot.0).or_default();
        held.resize(held.len().max(at + bytes.len()), 0);
        held[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn read(&mut self, slot: &SlotId, at: u32, into: &mut [u8]) -> Result<(), String> {
        self.1.push((at, into.len()));
        let held = self.0.get(&slot.0).map_or(&[][..], |held| held.get(at as usize..).unwrap_or_default());
        into.fill(0);
        let len = held.len().min(into.len());
        into[..len].copy_from_slice(&held[..len]);
        Ok(())
    }
}

#[test]
fn a_contract_that_was_deployed_is_read_back() {
    for layout in [Layout::V0_2, Layout::V0_3] {
        let mut slots = Slots::default();
        for (slot, bytes) in layout.deployed(b"the code").expect("it fits") {
            slots.write(&slot, 0, &bytes);
        }
        let mut read = |slot: &SlotId, at: u32, into: &mut [u8]| slots.read(slot, at, into);
        assert_eq!(layout.code(&mut read, 8).expect("read"), Some(b"the code".to_vec()));
        assert_eq!(layout.root(&mut read).expect("read").major, 0);
        assert_eq!(layout.locked_slots(&mut read), Ok(Vec::new()));
        let long = RootError::Many { what: "bytes of code", count: 8, most: 7 };
        assert_eq!(layout.code(&mut read, 7), Err(long.clone()));
        assert_eq!(long.to_string(), "the root slot says 8 bytes of code, where 7 are the most");
    }
}

#[test]
fn the_root_slot_may_name_another_place_for_the_code() {
    let (mut slots, elsewhere) = (Slots::default(), SlotId([5; 32]));
    let root: Vec<u8> = [&[3, 0, 0, 0, 0][..], &elsewhere.0, &[0xff; 32]].concat();
    slots.write(&SlotId([0; 32]), 0, &root);
    slots.write(&elsewhere, 0, b"\x02\0\0\0hi");
    let mut read = |slot: &SlotId, at: u32, into: &mut [u8]| slots.read(slot, at, into);
    let found = Layout::V0_3.root(&mut read).expect("read");
    assert_eq!((found.major, found.code, found.permissions), (3, elsewhere, [0xff; 32]));
    assert_eq!(Layout::V0_3.code(&mut read, 99).expect("read"), Some(b"hi".to_vec()));
    assert_eq!(code_at(&elsewhere, &mut read, 99).expect("read"), Some(b"hi".to_vec()));
}

#[test]
fn lists_are_read_as_counts_and_items_and_are_bounded() {
    let mut slots = Slots::default();
    let (locked, upgraders) = (slot(&[0; 32], 3), slot(&[0; 32], 4));
    slots.write(&locked, 0, &[&[2, 0, 0, 0][..], &[7; 32], &[8; 32]].concat());
    slots.write(&upgraders, 0, &[&[2, 0, 0, 0][..], &[7; 20], &[8; 20]].concat());
    let mut read = |slot: &SlotId, at: u32, into: &mut [u8]| slots.read(slot, at, into);
    assert_eq!(Layout::V0_3.locked_slots(&mut read), Ok(vec![SlotId([7; 32]), SlotId([8; 32])]));
    assert_eq!(Layout::V0_3.upgraders(&mut read), Ok(vec![Address([7; 20]), Address([8; 20])]));
    // Upgraders are read one by one.
    assert_eq!(slots.1, [(0, 4), (4, 64), (0, 4), (4, 20), (24, 20)]);
    slots.1.clear();
    let mut read = |slot: &SlotId, at: u32, into: &mut [u8]| slots.read(slot, at, into);
    assert_eq!(Layout::V0_3.is_upgrader(&Address([7; 20]), &mut read), Ok(true));
    assert_eq!(Layout::V0_3.is_upgrader(&Address([9; 20]), &mut read), Ok(false));
    // Nobody is read behind who was looked for.
    assert_eq!(slots.1, [(0, 4), (4, 20), (0, 4), (4, 20), (24, 20)]);
    slots.write(&locked, 0, &257u32.to_le_bytes());
    slots.write(&upgraders, 0, &33u32.to_le_bytes());
    let mut read = |slot: &SlotId, at: u32, into: &mut [u8]| slots.read(slot, at, into);
    let many = |what, count, most| RootError::<String>::Many { what, count, most };
    assert_eq!(Layout::V0_3.locked_slots(&mut read), Err(many("locked slots", 257, 256)));
    assert_eq!(Layout::V0_3.upgraders(&mut read), Err(many("upgraders", 33, 32)));
    assert_eq!(Layout::V0_3.is_upgrader(&Address([7; 20]), &mut read), Err(many("upgraders", 33, 32)));
    let mut broken = |_: &SlotId, _: u32, _: &mut [u8]| Err::<(), _>("gone".to_owned());
    assert_eq!(Layout::V0_2.code(&mut broken, 9), Err(RootError::Storage("gone".into())));
}
