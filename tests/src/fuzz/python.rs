//! Calldata against another implementation in another language: `runners/python/lib/subvm/calldata.py`, which contracts in Python have. A Python
//! that lives as long as the process answers for each input; where there is none the target says so, once, and holds nothing.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use subvm_core::calldata::Value;

/// Reads inputs, each after its length of four bytes; answers with a byte that says whether it is calldata, and if so with what encodes to the
/// same, after its length.
const SERVE: &str = r#"
import importlib.util, sys
spec = importlib.util.spec_from_file_location("calldata", sys.argv[1])
calldata = importlib.util.module_from_spec(spec)
spec.loader.exec_module(calldata)
while True:
    length = sys.stdin.buffer.read(4)
    if not length:
        break
    data = sys.stdin.buffer.read(int.from_bytes(length, "little"))
    try:
        again = calldata.encode(calldata.decode(data))
        sys.stdout.buffer.write(b"\1" + len(again).to_bytes(4, "little") + again)
    except calldata.CalldataError:
        sys.stdout.buffer.write(b"\0")
    sys.stdout.buffer.flush()
"#;

const IMPLEMENTATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../runners/python/lib/subvm/calldata.py");

/// A Python that waits for inputs.
struct Python {
    to: ChildStdin,
    from: ChildStdout,
    /// Ends when its input does.
    _process: Child,
}

/// Not looked for yet; not there; there.
static PYTHON: Mutex<Option<Option<Python>>> = Mutex::new(None);

pub(super) fn calldata(data: &[u8]) {
    let mut python = PYTHON.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let python = python.get_or_insert_with(|| {
        let started = Python::start();
        if started.is_none() {
            eprintln!("SKIPPED: there is no python3, which calldata_python needs");
        }
        started
    });
    let Some(python) = python else { return };
    let theirs = python.ask(data);
    let ours = Value::decode(data).ok().map(|value| value.encode().expect("what was decoded"));
    assert_eq!(theirs, ours, "{data:02x?}");
}

impl Python {
    fn start() -> Option<Self> {
        let mut command = Command::new("python3");
        command.args(["-c", SERVE, IMPLEMENTATION]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().ok()?;
        Some(Self { to: process.stdin.take()?, from: process.stdout.take()?, _process: process })
    }

    /// What the input encodes to again; nothing where it is no calldata.
    fn ask(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        let length = u32::try_from(data.len()).expect("a small input");
        self.to.write_all(&length.to_le_bytes()).and_then(|()| self.to.write_all(data)).expect("Python listens");
        let mut read = |len: usize| {
            let mut bytes = vec![0; len];
            self.from.read_exact(&mut bytes).expect("Python answers; what it says of itself stands above");
            bytes
        };
        match read(1)[..] {
            [1] => {
                let length = read(4).try_into().map(u32::from_le_bytes).expect("four bytes");
                Some(read(length as usize))
            }
            _ => None,
        }
    }
}
