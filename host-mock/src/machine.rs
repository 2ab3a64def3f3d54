//! What a script sees: a guest's memory, and its calls.

use subvm_core::calldata::{Map, Value};
use subvm_core::{End, Guest, SubVm, Trap, sdk, wasi};

/// A guest written in Rust. An error ends its sub-VM.
///
/// ```
/// use subvm_host_mock::{MemoryHost, Script, play};
/// let script: Box<Script> = Box::new(|machine| machine.end_with("Return", 42));
/// let report = play(&MemoryHost::new(), move |machine| script(machine));
/// assert!(report.receipt.returned());
/// ```
pub type Script = dyn Fn(&mut Machine<'_>) -> Result<(), End> + Send + Sync;

/// Bytes of a script's memory.
const MEMORY: usize = 1 << 20;
/// Where calls put what they are given, and what they answer.
const INPUT: u32 = 4096;
const ANSWER: u32 = 0;
/// `whence` of `fd_seek`: from the beginning.
const WHENCE_SET: u64 = 0;
/// Bytes that are read at a time: a call is charged for all that it asks for.
const CHUNK: u32 = 4096;

/// A sub-VM as its script sees it.
///
/// ```
/// use subvm_core::calldata::{Map, Value};
/// use subvm_host_mock::{MemoryHost, play};
///
/// let host = MemoryHost::new();
/// play(&host, |machine| {
///     assert_eq!(machine.message()?["is_init"], Value::from(false));
///     // A guest computes, and its memory grows.
///     let before = machine.ticks();
///     machine.work(100)?;
///     assert!(machine.ticks() == before - 100 && machine.grow(65_536));
///     // It calls what it imports: by name, with its own memory,
///     machine.mem()[64..72].copy_from_slice(&[0, 1, 0, 0, 2, 0, 0, 0]);
///     machine.mem()[256..258].copy_from_slice(b"hi");
///     assert_eq!(machine.wasi("fd_write", &[1, 64, 1, 0])?, 0);
///     // or by what is in short for it.
///     let fields = Map::from([("Message", "here")]);
///     assert_eq!(machine.request("Trace", fields)?, Ok(Vec::new()));
///     machine.end_with("Return", "done")
/// });
/// assert_eq!(host.printed().stdout, b"hi");
/// ```
#[derive(Debug)]
pub struct Machine<'a> {
    vm: &'a mut SubVm,
    mem: Vec<u8>,
    ticks: i64,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(vm: &'a mut SubVm) -> Self {
        Self { ticks: vm.ticks, vm, mem: vec![0; MEMORY] }
    }

    /// Time gas left.
    #[must_use]
    pub fn ticks(&self) -> i64 {
        self.ticks
    }

    /// Uses time, as instructions of a module would.
    ///
    /// # Errors
    /// `out_of gas time`.
    pub fn work(&mut self, ticks: i64) -> Result<(), End> {
        self.ticks -= ticks;
        if self.ticks < 0 { Err(subvm_core::Resource::GasTime.into()) } else { Ok(()) }
    }

    /// Charges RAM, as a growing memory would; `false` is -1.
    pub fn grow(&mut self, bytes: u64) -> bool {
        self.vm.charge_ram(bytes).is_ok()
    }

    /// The memory.
    pub fn mem(&mut self) -> &mut [u8] {
        &mut self.mem
    }

    /// Calls a WASI function by its name.
    ///
    /// # Errors
    /// Ends the sub-VM as the function says.
    pub fn wasi(&mut self, name: &str, args: &[u64]) -> Result<u32, End> {
        let mut guest = self.guest();
        let mut cx = guest.cx()?;
        wasi::dispatch(&mut cx, name, args)
    }

    /// The guest at a host call.
    pub fn guest(&mut self) -> Guest<'_> {
        let stack_units = self.vm.stack_units;
        Guest { mem: &mut self.mem, ticks: &mut self.ticks, stack_units, vm: self.vm }
    }

    /// The extended message on descriptor 0, from its beginning.
    ///
    /// # Errors
    /// As reading does.
    pub fn message(&mut self) -> Result<Value, End> {
        self.wasi("fd_seek", &[0, 0, WHENCE_SET, 16])?;
        let bytes = self.read(0)?;
        Ok(Value::decode(&bytes).unwrap_or_default())
    }

    /// Reads a descriptor to its end.
    ///
    /// # Errors
    /// As `fd_read` does.
    pub fn read(&mut self, fd: u32) -> Result<Vec<u8>, End> {
        let mut all = Vec::new();
        loop {
            let (buffer, length) = (INPUT, CHUNK);
            self.mem[8..12].copy_from_slice(&buffer.to_le_bytes());
            self.mem[12..16].copy_from_slice(&length.to_le_bytes());
            let errno = self.wasi("fd_read", &[fd.into(), 8, 1, ANSWER.into()])?;
            let count = self.answer() as usize;
            if errno != 0 || count == 0 {
                return Ok(all);
            }
            all.extend_from_slice(&self.mem[INPUT as usize..INPUT as usize + count]);
        }
    }

    /// `storage_write` to the slot whose first byte is `slot`. Gives the errno.
    ///
    /// # Errors
    /// Ends the sub-VM as the function says.
    pub fn storage_write(&mut self, slot: u8, index: u32, bytes: &[u8]) -> Result<u32, End> {
        let slot = self.put_slot(slot);
        let buffer = self.put(bytes)?;
        sdk::entry::storage_write(&mut self.guest(), slot, index, buffer, bytes.len() as u32)
    }

    /// `storage_read` of the slot whose first byte is `slot`. Gives the bytes, or the errno.
    ///
    /// # Errors
    /// Ends the sub-VM as the function says.
    pub fn storage_read(&mut self, slot: u8, index: u32, len: u32) -> Result<Result<Vec<u8>, u32>, End> {
        let slot = self.put_slot(slot);
        let errno = sdk::entry::storage_read(&mut self.guest(), slot, index, INPUT, len)?;
        Ok(if errno == 0 { Ok(self.mem[INPUT as usize..(INPUT + len) as usize].to_vec()) } else { Err(errno) })
    }

    /// `get_self_balance`. Gives its lower 128 bits, or the errno.
    ///
    /// # Errors
    /// Ends the sub-VM as the function says.
    pub fn own_balance(&mut self) -> Result<Result<u128, u32>, End> {
        let errno = sdk::entry::get_self_balance(&mut self.guest(), INPUT)?;
        let place = &self.mem[INPUT as usize..];
        Ok(match (errno, place.first_chunk()) {
            (0, Some(bytes)) => Ok(u128::from_le_bytes(*bytes)),
            _ => Err(errno),
        })
    }

    /// `gl_call`. Gives the descriptor (nothing where the request has no result), or the errno.
    ///
    /// # Errors
    /// Ends the sub-VM as the request says.
    pub fn gl_call(&mut self, name: &str, argument: impl Into<Value>) -> Result<Result<Option<u32>, u32>, End> {
        let request = Value::Map(Map::from([(name, argument.into())]));
        let bytes = request.encode().unwrap_or_default();
        self.gl_call_bytes(&bytes)
    }

    /// `gl_call` of any bytes.
    ///
    /// # Errors
    /// Ends the sub-VM as the request says.
    pub fn gl_call_bytes(&mut self, request: &[u8]) -> Result<Result<Option<u32>, u32>, End> {
        let place = self.put(request)?;
        let errno = sdk::entry::gl_call(&mut self.guest(), place, request.len() as u32, ANSWER)?;
        Ok(match errno {
            0 => Ok(Some(self.answer()).filter(|fd| *fd != u32::MAX)),
            errno => Err(errno),
        })
    }

    /// A request, and the bytes of its result.
    ///
    /// # Errors
    /// Ends the sub-VM as the request says.
    pub fn request(&mut self, name: &str, argument: impl Into<Value>) -> Result<Result<Vec<u8>, u32>, End> {
        match self.gl_call(name, argument)? {
            Ok(Some(fd)) => {
                let bytes = self.read(fd)?;
                self.wasi("fd_close", &[fd.into()])?;
                Ok(Ok(bytes))
            }
            Ok(None) => Ok(Ok(Vec::new())),
            Err(errno) => Ok(Err(errno)),
        }
    }

    /// `Return` or `UserError`: ends the sub-VM.
    ///
    /// # Errors
    /// Always.
    pub fn end_with(&mut self, name: &str, argument: impl Into<Value>) -> Result<(), End> {
        self.gl_call(name, argument).map(|_| ())
    }

    fn answer(&self) -> u32 {
        let at = ANSWER as usize;
        u32::from_le_bytes([self.mem[at], self.mem[at + 1], self.mem[at + 2], self.mem[at + 3]])
    }

    fn put_slot(&mut self, slot: u8) -> u32 {
        self.mem[32..64].fill(0);
        self.mem[32] = slot;
        32
    }

    /// Puts bytes where calls read them; more than fit are out of bounds, as they are for any guest.
    fn put(&mut self, bytes: &[u8]) -> Result<u32, End> {
        let start = INPUT as usize;
        let place = self.mem.get_mut(start..start + bytes.len()).ok_or(Trap::MemoryOutOfBounds)?;
        place.copy_from_slice(bytes);
        Ok(INPUT)
    }
}
