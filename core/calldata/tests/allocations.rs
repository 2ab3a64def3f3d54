//! What calldata allocates, counted: nothing for small things, and never more than the input can account for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use subvm_calldata::Address;
use subvm_calldata::{DecodeLimits, Int, Map, Value, ValueRef, validate};

/// What a thread has allocated.
#[derive(Clone, Copy, Default, Debug)]
struct Tally {
    /// Allocations, those that grow an older one included.
    count: usize,
    /// Bytes of all of them.
    total: usize,
    /// Bytes held now.
    held: usize,
    /// The most bytes held at a time.
    peak: usize,
}

thread_local! {
    static TALLY: Cell<Tally> = const { Cell::new(Tally { count: 0, total: 0, held: 0, peak: 0 }) };
}

fn note(count: usize, more: usize, less: usize) {
    // While a thread ends there may be no tally.
    let _ = TALLY.try_with(|tally| {
        let mut now = tally.get();
        now.count += count;
        now.total += more;
        now.held = (now.held + more).saturating_sub(less);
        now.peak = now.peak.max(now.held);
        tally.set(now);
    });
}

struct Counting;

// SAFETY: all is left to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size(), 0);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, bytes: *mut u8, layout: Layout) {
        note(0, 0, layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(bytes, layout) }
    }

    unsafe fn realloc(&self, bytes: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // For a moment there may be both.
        note(1, size, 0);
        note(0, 0, layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.realloc(bytes, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `body` allocates; what it returns is dropped after counting.
fn tally<T>(body: impl FnOnce() -> T) -> Tally {
    TALLY.set(Tally::default());
    let result = body();
    let tally = TALLY.get();
    drop(result);
    tally
}

fn count<T>(body: impl FnOnce() -> T) -> usize {
    tally(body).count
}

fn word(byte: u8) -> Int {
    Int::from_u256_le(&[byte; 32])
}

#[test]
fn the_counter_counts() {
    let tally = tally(|| (Box::new(1_u8), vec![0_u8; 100], Vec::<u8>::new()));
    assert_eq!((tally.count, tally.held, tally.peak), (2, 101, 101));
}

#[test]
fn integers_of_up_to_256_bits_allocate_nothing() {
    for int in [Int::ZERO, 1.into(), (-1).into(), i64::MIN.into(), i128::MAX.into(), u128::MAX.into(), word(0xff)] {
        let bytes = Value::from(&int).encode().unwrap();
        assert_eq!(count(|| Value::decode(&bytes).unwrap()), 0, "decode {int}");
        assert_eq!(count(|| ValueRef::decode(&bytes).unwrap().as_int()), 0, "borrow {int}");
        assert_eq!(count(|| int.clone()), 0, "clone {int}");
        let mut out = Vec::with_capacity(64);
        assert_eq!(count(|| Value::from(&int).encode_into(&mut out)), 0, "encode {int}");
    }
    let wide = word(0xff) + 1;
    let bytes = Value::from(&wide).encode().unwrap();
    assert_eq!(count(|| Value::decode(&bytes).unwrap()), 2, "the limbs, and these in a box that fits");
}

#[test]
fn a_container_allocates_once_whatever_small_things_are_in_it() {
    let ints = Value::array(0..10_000);
    let bytes = ints.encode().unwrap();
    assert_eq!(count(|| Value::decode(&bytes).unwrap()), 1);
    assert_eq!(count(|| drop(Value::decode(&bytes).unwrap())), 1, "dropping allocates nothing");

    let scalars = [Value::Null, true.into(), 7.into(), word(1).into(), Address([1; 20]).into(), "".into()];
    let entries = scalars.into_iter().zip(0..).map(|(value, n)| (format!("a key of 22 bytes. {n:02}"), value));
    let bytes = Value::from(entries.collect::<Map>()).encode().unwrap();
    assert_eq!(count(|| Value::decode(&bytes).unwrap()), 1);
}

#[test]
fn borrowing_and_validating_allocate_for_depth_alone() {
    let flat = Value::from(Map::from([("a", Value::from("x".repeat(1000))), ("b", vec![0; 1000].into())]));
    let bytes = flat.encode().unwrap();
    assert_eq!(count(|| validate(&bytes, &DecodeLimits::DEFAULT)), 0);
    assert_eq!(count(|| ValueRef::decode(&bytes).unwrap()), 0);
    let pairs = Value::array((0..1000).map(|n| Value::array([n, n])));
    let bytes = pairs.encode().unwrap();
    let places = tally(|| ValueRef::decode(&bytes).unwrap());
    assert_eq!((places.count, places.peak), (1, 4 * 40), "four places to return to");
}

/// A message of some hundred bytes, with strings, bytes and containers in containers.
fn message() -> Value {
    let args = Map::from([
        ("method", Value::from("transfer")),
        ("tags", Value::array(["alpha", "beta", "gamma"])),
        ("amounts", Value::array(0..50)),
    ]);
    Map::from([
        ("contract", Value::from(Address([1; 20]))),
        ("args", args.into()),
        ("data", vec![7; 100].into()),
        ("value", word(3).into()),
    ])
    .into()
}

#[test]
fn encoding_a_message_allocates_its_bytes_once_and_a_list_of_containers() {
    let message = message();
    let encode = tally(|| message.encode().unwrap());
    assert_eq!(encode.count, 2);
    let len = message.encode().unwrap().len();
    assert!((200..500).contains(&len), "{len}");
    let mut out = Vec::with_capacity(len);
    assert_eq!(count(|| message.encode_into(&mut out)), 1, "the list of containers");
    let flat = Value::from("flat");
    assert_eq!(count(|| flat.encode().unwrap()), 1);
}

#[test]
fn encoding_a_large_value_allocates_as_often_as_doubling_does() {
    let large = Value::array(0..100_000);
    let encode = tally(|| large.encode().unwrap());
    assert!(encode.count <= 14, "{encode:?}");
    let mebibyte = Value::from(vec![1; 1 << 20]);
    let encode = tally(|| mebibyte.encode().unwrap());
    assert_eq!((encode.count, encode.peak), (1, (1 << 20) + 4));
}

/// Bytes that are made to have much allocated for them; most are refused in the end.
fn hostile(len: usize) -> Vec<Vec<u8>> {
    // uleb(payload << 3 | kind), padded by what follows to `len` bytes.
    let claim = |kind: u8, payload: usize, filling: &[u8]| {
        let mut n = payload << 3 | usize::from(kind);
        let mut bytes = Vec::new();
        while n >= 0x80 {
            bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        bytes.push(n as u8);
        let filling = filling.iter().copied().cycle();
        bytes.into_iter().chain(filling).take(len).collect::<Vec<u8>>()
    };
    let mut inputs = Vec::new();
    for kind in 3..=6 {
        // More than there is; as much as there can be; and that again in each of the items.
        inputs.push(claim(kind, usize::MAX >> 3, &[0]));
        inputs.push(claim(kind, len - 10, &[0]));
        let inner = claim(kind, len - 10, &[]);
        inputs.push(inner.iter().copied().cycle().take(len).collect());
        let keyed: Vec<u8> = inner.iter().copied().chain([0]).collect();
        inputs.push(keyed.iter().copied().cycle().take(len).collect());
        inputs.push(claim(5, len - 10, &inner));
    }
    inputs.push(claim(5, len - 10, &[5]));
    inputs.push(claim(6, len / 2 - 10, &[0, 5]));
    // Deep nesting: of arrays, of maps, and with much said to be left on every level.
    inputs.push(vec![0x0d; len]);
    inputs.push([0x0e, 0x00].repeat(len / 2));
    inputs.push([0xfd, 0x01].repeat(len / 2));
    // One integer.
    let mut integer = vec![0xff; len];
    integer[0] = 0xf9;
    integer[len - 1] = 0x01;
    inputs.push(integer);
    inputs
}

/// An item, 40 bytes, needs one byte of input; a container around what is being read needs a place to return to
/// (`LEVEL`), in a list that doubles, and one byte of input.
const ITEM: usize = 40;
const LEVEL: usize = 136;

#[test]
fn decoding_holds_at_most_so_many_bytes_for_each_of_the_input() {
    for len in [100, 1_000, 30_000] {
        for bytes in hostile(len) {
            let start = bytes[..bytes.len().min(6)].to_vec();
            let within = tally(|| Value::decode(&bytes));
            let bound = ITEM * bytes.len() + 3 * LEVEL * 128;
            assert!(within.peak <= bound, "{start:02x?}: {within:?} above {bound}");

            let raised = tally(|| Value::decode_with(&bytes, &DecodeLimits::UNLIMITED));
            let bound = (ITEM + 3 * LEVEL) * bytes.len() + 1000;
            assert!(raised.peak <= bound, "{start:02x?}, no limits: {raised:?} above {bound}");
            assert!(raised.total <= bound, "{start:02x?}, no limits, in total: {raised:?} above {bound}");

            let validated = tally(|| validate(&bytes, &DecodeLimits::DEFAULT));
            assert!(validated.peak <= 3 * LEVEL * 128, "{start:02x?}: {validated:?}");
        }
    }
}

#[test]
fn claims_alone_allocate_nothing() {
    for kind in 3..=6_u8 {
        for claimed in [&[0x80 | kind, 0x80, 0x80, 0x80, 0x80, 0x01][..], &[0xf8 | kind, 0x7f], &[0x88 | kind, 0x01]] {
            assert_eq!(count(|| Value::decode(claimed).unwrap_err()), 0, "{claimed:02x?}");
        }
    }
    let mut integer = vec![0xff; 1 << 20];
    integer[0] = 0xf9;
    assert_eq!(count(|| Value::decode(&integer).unwrap_err()), 0);
}
