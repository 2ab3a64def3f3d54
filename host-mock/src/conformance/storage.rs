//! The promises of `Storage`.

use std::time::{Duration, Instant};

use subvm_core::host::{State, Storage, page};
use subvm_core::{Address, PageWrite, SlotId};

use super::{Broken, ensure, expect, unpanicking};

/// A page that a storage under test is to hold.
///
/// ```
/// use subvm_core::{Address, PageWrite, SlotId, host::State};
/// use subvm_host_mock::conformance::Written;
/// let page = PageWrite { slot: SlotId([1; 32]), page: 0, content: [7; 32] };
/// let written = Written { state: State::Finalized, contract: Address([1; 20]), page };
/// # assert_eq!(written.page, page);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// `Finalized` when both states hold it, `Accepted` when it was accepted on top.
    pub state: State,
    /// The contract.
    pub contract: Address,
    /// The page.
    pub page: PageWrite,
}

const A: Address = Address([0xa0; 20]);
const B: Address = Address([0xa1; 20]);
const S: SlotId = SlotId([0x50; 32]);
/// Differs from [`S`] in its last byte only.
const T: SlotId = {
    let mut slot = [0x50; 32];
    slot[31] = 0x51;
    SlotId(slot)
};
const LAST_PAGE: u32 = page::PAGES - 1;
/// The longest that one read in these checks may take: generous, for slow machines.
const PATIENCE: Duration = Duration::from_secs(10);

/// Checks a storage. `make` gives one that holds exactly the pages it is given, of which later ones replace earlier ones.
///
/// # Errors
/// The first broken promise.
///
/// ```
/// use subvm_host_mock::{MemoryHost, conformance::{self, Written}};
/// # use subvm_core::{Receipt, host::State};
/// let holding = |pages: &[Written]| {
///     let host = MemoryHost::new();
///     // However your storage is filled.
/// #     let mut receipt = subvm_host_mock::play(&MemoryHost::new(), |_| Ok(())).receipt;
/// #     for written in pages {
/// #         receipt.storage = vec![written.page];
/// #         host.apply(State::Accepted, written.contract, &receipt);
/// #         if written.state == State::Finalized {
/// #             host.apply(State::Finalized, written.contract, &receipt);
/// #         }
/// #     }
///     host
/// };
/// assert_eq!(conformance::storage(holding), Ok(()));
/// assert!(conformance::storage(|_| MemoryHost::new()).is_err(), "what forgets everything is no storage");
/// ```
pub fn storage<S: Storage>(mut make: impl FnMut(&[Written]) -> S) -> Result<(), Broken> {
    unpanicking(|| {
        zero_fill(&mut make(&[]))?;
        bounds(&mut make(&pages()))?;
        isolation(&mut make(&pages()))?;
        states(&mut make(&pages()))?;
        repeatability(&mut make(&pages()), &mut make(&pages()))
    })
}

fn written(state: State, contract: Address, slot: SlotId, page: u32, fill: u8) -> Written {
    Written { state, contract, page: PageWrite { slot, page, content: [fill; 32] } }
}

/// Pages 1, 2 and 4 and the last of a slot, and others beside it.
fn pages() -> Vec<Written> {
    use State::{Accepted, Finalized};
    vec![
        written(Finalized, A, S, 1, 1),
        written(Finalized, A, S, 2, 0xee),
        written(Accepted, A, S, 2, 2),
        written(Accepted, A, S, 4, 4),
        written(Finalized, A, S, LAST_PAGE, 9),
        written(Finalized, A, T, 0, 7),
        written(Finalized, B, S, 3, 8),
    ]
}

fn zero_fill<S: Storage>(storage: &mut S) -> Result<(), Broken> {
    const ZERO: &str = "bytes never written are zero";
    for state in [State::Accepted, State::Finalized] {
        expect(ZERO, &read(storage, state, &A, &S, 0, 1000)?, &vec![0; 1000])?;
        expect(ZERO, &read(storage, state, &A, &S, u32::MAX - 99, 100)?, &vec![0; 100])?;
    }
    Ok(())
}

/// Every range over the first pages, and the end of the slot.
fn bounds<S: Storage>(storage: &mut S) -> Result<(), Broken> {
    const RANGE: &str = "a read fills exactly the bytes of its range, wherever pages begin and end";
    let slot: Vec<u8> = [0, 1, 2, 0, 4, 0].iter().flat_map(|fill| [*fill; 32]).collect();
    for from in (0..160).step_by(3).chain([31, 32, 33, 63, 64, 65, 95, 96, 127, 128]) {
        for len in [0, 1, 2, 31, 32].into_iter().chain((33..=192 - from).step_by(29)) {
            let found = read(storage, State::Accepted, &A, &S, from as u32, len)?;
            expect(RANGE, &found, &slot[from..from + len].to_vec())?;
        }
    }
    expect(RANGE, &read(storage, State::Accepted, &A, &S, u32::MAX - 32, 33)?, &[vec![0], vec![9; 32]].concat())?;
    expect(RANGE, &read(storage, State::Accepted, &A, &S, u32::MAX, 1)?, &vec![9])?;
    expect(RANGE, &read(storage, State::Accepted, &A, &S, u32::MAX, 0)?, &vec![])
}

fn isolation<S: Storage>(storage: &mut S) -> Result<(), Broken> {
    const APART: &str = "contracts and slots do not show in one another";
    let mut bytes = |contract, slot| read(storage, State::Accepted, contract, slot, 0, 5 * 32);
    let only = |page: usize, fill| {
        let mut bytes = vec![0; 5 * 32];
        bytes[page * 32..page * 32 + 32].fill(fill);
        bytes
    };
    expect(APART, &bytes(&A, &T)?, &only(0, 7))?;
    expect(APART, &bytes(&B, &S)?, &only(3, 8))?;
    expect(APART, &bytes(&B, &T)?, &vec![0; 5 * 32])
}

fn states<S: Storage>(storage: &mut S) -> Result<(), Broken> {
    const STATES: &str =
        "the finalized state shows nothing that is only accepted, and the accepted one all that is finalized";
    let finalized: Vec<u8> = [0, 1, 0xee, 0, 0].iter().flat_map(|fill| [*fill; 32]).collect();
    expect(STATES, &read(storage, State::Finalized, &A, &S, 0, 5 * 32)?, &finalized)?;
    expect(STATES, &read(storage, State::Finalized, &A, &S, u32::MAX, 1)?, &vec![9])?;
    expect(STATES, &read(storage, State::Accepted, &A, &S, 32, 1)?, &vec![1])
}

fn repeatability<S: Storage>(storage: &mut S, other: &mut S) -> Result<(), Broken> {
    const AGAIN: &str = "the same arguments give the same bytes throughout a run, and on every node";
    let reads = |storage: &mut S| -> Result<Vec<Vec<u8>>, Broken> {
        (0..40).map(|step| read(storage, State::Accepted, &A, &S, step * 4, 3 + 5 * step as usize)).collect()
    };
    let first = reads(storage)?;
    for contract in [A, B] {
        read(storage, State::Finalized, &contract, &T, 0, 320)?;
    }
    expect(AGAIN, &reads(storage)?, &first)?;
    expect(AGAIN, &reads(other)?, &first)
}

/// Reads into bytes of two kinds, so that one that is left alone shows.
fn read<S: Storage>(
    storage: &mut S,
    state: State,
    contract: &Address,
    slot: &SlotId,
    index: u32,
    len: usize,
) -> Result<Vec<u8>, Broken> {
    let mut fill = |byte| {
        let mut bytes = vec![byte; len];
        let start = Instant::now();
        let result = storage.read(state, contract, slot, index, &mut bytes);
        result.map_err(|error| Broken {
            promise: "every range inside a slot can be read",
            found: format!("{len} bytes from {index} on: {error}"),
        })?;
        let took = start.elapsed();
        ensure("a read returns within the stated time", took < PATIENCE, || format!("{len} bytes took {took:?}"))?;
        Ok(bytes)
    };
    let (one, two) = (fill(0xee)?, fill(0x11)?);
    let untouched = one.iter().zip(&two).position(|(one, two)| (*one, *two) == (0xee, 0x11));
    ensure("a read fills all of its bytes", untouched.is_none(), || {
        format!("byte {} of {len} from {index} on was left alone", untouched.unwrap_or_default())
    })?;
    Ok(two)
}
