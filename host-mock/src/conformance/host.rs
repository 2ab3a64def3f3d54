//! The promises of `Host`.

use std::time::{Duration, Instant};

use subvm_core::host::{Code, Host, State, Stream};
use subvm_core::{Address, Library, Package};

use super::{Broken, ensure, expect, unpanicking};

/// What a host under test is known to hold.
///
/// ```
/// use subvm_core::Address;
/// use subvm_host_mock::conformance::HostSample;
/// let sample = HostSample { contract: Address([1; 20]), nobody: Address([2; 20]) };
/// # assert_ne!(sample.contract, sample.nobody);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct HostSample {
    /// A contract that has code in both states.
    pub contract: Address,
    /// An address without code.
    pub nobody: Address,
}

/// The longest that one call in these checks may take: generous, for slow machines.
const PATIENCE: Duration = Duration::from_secs(10);

/// Checks a host. `make` gives one for the same chain at the same height each time.
///
/// # Errors
/// The first broken promise.
///
/// ```
/// use subvm_core::Address;
/// use subvm_host_mock::{MemoryHost, ScriptedEngine, conformance::{self, HostSample}};
/// let sample = HostSample { contract: Address([1; 20]), nobody: Address([2; 20]) };
/// let host = MemoryHost::new();
/// let broken = conformance::host(sample, || host.clone()).unwrap_err();
/// assert_eq!(broken.promise, "a contract has code");
/// host.deploy(sample.contract, ScriptedEngine::new().script(|_| Ok(())));
/// assert_eq!(conformance::host(sample, || host.clone()), Ok(()));
/// ```
pub fn host<H: Host>(sample: HostSample, mut make: impl FnMut() -> H) -> Result<(), Broken> {
    unpanicking(|| {
        let (mut host, mut other) = (make(), make());
        for state in [State::Accepted, State::Finalized] {
            for address in [sample.contract, sample.nobody] {
                answers_again(&mut host, &mut other, state, &address)?;
            }
            packages(&mut host, &mut other, state, &sample)?;
        }
        takes_output(&mut host)
    })
}

/// Balances, locked slots and calls of the layer below are the same each time; a call that fails, fails each time.
fn answers_again<H: Host>(host: &mut H, other: &mut H, state: State, address: &Address) -> Result<(), Broken> {
    const AGAIN: &str = "the same question has the same answer throughout a run, and on every node";
    let answers = |host: &mut H| {
        let start = Instant::now();
        let balance = host.balance(state, address);
        let balance = balance.map_err(|error| failed("a balance can be had for any address", &error))?;
        let locked = host.locked_slots(address);
        let locked = locked.map_err(|error| failed("locked slots can be had for any address", &error))?;
        let called = host.eth_call(state, address, b"\x01\x02\x03\x04").ok();
        let took = start.elapsed();
        ensure("a call returns within the stated time", took < PATIENCE, || format!("it took {took:?}"))?;
        Ok((balance, locked, called))
    };
    let first = answers(host)?;
    expect(AGAIN, &answers(host)?, &first)?;
    expect(AGAIN, &answers(other)?, &first)
}

fn packages<H: Host>(host: &mut H, other: &mut H, state: State, sample: &HostSample) -> Result<(), Broken> {
    let get = |host: &mut H, address| {
        let code = host.code(state, address);
        code.map_err(|error| failed("the code of any address can be asked for", &error))
    };
    let none = get(host, &sample.nobody)?;
    ensure("an address without code has none", matches!(none, Code::Nothing), || {
        format!("{} has code", sample.nobody)
    })?;

    let parts = |host: &mut H| match get(host, &sample.contract)? {
        Code::Package(package) => Ok(bytes(&package)),
        _ => Err(Broken { promise: "a contract has code", found: format!("{} has none", sample.contract) }),
    };
    const SAME: &str = "a contract's code is the same bytes throughout a run, and on every node";
    let first = parts(host)?;
    expect(SAME, &parts(host)?, &first)?;
    expect(SAME, &parts(other)?, &first)?;
    let unnamed = first.1.iter().find(|(name, _)| !library_name(name));
    ensure("libraries have names that can be linked", unnamed.is_none(), || {
        format!("{:?}", unnamed.map(|(name, _)| name))
    })
}

type Bytes = (Vec<u8>, Vec<(String, Vec<u8>)>);

fn bytes(package: &Package) -> Bytes {
    let library = |library: &Library| (library.name.clone(), library.wasm.to_vec());
    (package.start.to_vec(), package.libraries.iter().map(library).collect())
}

fn library_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

/// Nothing that a guest prints may trouble a host.
fn takes_output<H: Host>(host: &mut H) -> Result<(), Broken> {
    let start = Instant::now();
    let large = vec![0xff; 1 << 20];
    for bytes in [&b""[..], b"text\n", b"\xff\xfe\0\x1b[2J", &large] {
        for stream in [Stream::Stdout, Stream::Stderr] {
            (0..16).for_each(|_| host.output(stream, bytes));
        }
    }
    let took = start.elapsed();
    ensure("output is taken without waiting", took < PATIENCE, || format!("32 MiB took {took:?}"))
}

fn failed(promise: &'static str, error: &subvm_core::host::HostError) -> Broken {
    Broken { promise, found: error.to_string() }
}
