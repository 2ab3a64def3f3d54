//! Makes calls, and holds each to the model.

use subvm_core::sdk::{Errno, entry};
use subvm_core::{Address, End, Outcome, SlotId};
use subvm_host_mock::Machine;

use super::model::{Given, Model, Stop, Verdict};
use super::request::{Means, guess, request};
use super::{CONTRACT, LOCKED, MODULES_ANSWER, NOBODY, OTHER};
use crate::fuzz::source::Source;

/// Calls that one input makes at most.
const CALLS: u32 = 64;
/// What memory holds where nothing was put.
const FILL: u8 = 0xee;
/// Where a slot or an address, a result, and bytes are put, unless the input says otherwise.
const KEY: u32 = 64;
const RESULT: u32 = 16;
const BUFFER: u32 = 128;

/// A guest beside its model.
pub(super) struct Guest<'a, 'm> {
    model: Model,
    machine: &'a mut Machine<'m>,
    mem: Vec<u8>,
    /// Descriptors that requests gave: number, and bytes of RAM that closing it gives back.
    results: Vec<(u32, u64)>,
}

/// What the calls came to: the model and the outcome, unless the model could not follow.
pub(super) type Ended = Option<(Model, Outcome)>;

/// What can be seen of a guest, beside its counters: what a refused call must leave as it was.
#[derive(PartialEq)]
struct Seen {
    mem: Vec<u8>,
    ram: u64,
    descriptors: String,
}

impl<'a, 'm> Guest<'a, 'm> {
    pub(super) fn new(model: Model, machine: &'a mut Machine<'m>) -> Self {
        let mem = vec![FILL; model.memory as usize];
        Self { model, machine, mem, results: Vec::new() }
    }

    /// Makes the calls. The second is how the script ends.
    pub(super) fn make_calls(mut self, source: &mut Source<'_>) -> (Ended, Result<(), End>) {
        for _ in 0..CALLS {
            if source.is_empty() {
                break;
            }
            self.mem.fill(FILL);
            let ended = match source.below(12) {
                0 => self.storage_read(source),
                1 => self.storage_write(source),
                2 => self.get_balance(source),
                3 => self.get_self_balance(source),
                4 => self.close(source),
                _ => match self.gl_call(source) {
                    Some(ended) => ended,
                    None => return (None, Ok(())),
                },
            };
            if let Err(end) = ended {
                let outcome = end.into_result().expect("nothing of the node fails");
                return (Some((self.model, outcome.clone())), Err(outcome.into()));
            }
        }
        (Some((self.model, Outcome::null())), Ok(()))
    }

    fn storage_read(&mut self, source: &mut Source<'_>) -> Result<(), End> {
        let (slot, at) = self.storage_arguments(source);
        let verdict = self.model.storage_read(slot, at);
        let [slot_ptr, index, buf, len] = at;
        let read = self.expect(verdict, |guest| entry::storage_read(guest, slot_ptr, index, buf, len))?;
        if let Some(bytes) = read {
            assert_eq!(self.mem[buf as usize..][..len as usize], bytes);
        }
        Ok(())
    }

    fn storage_write(&mut self, source: &mut Source<'_>) -> Result<(), End> {
        let (slot, at) = self.storage_arguments(source);
        let verdict = self.model.storage_write(slot, at, &self.mem);
        let [slot_ptr, index, buf, len] = at;
        self.expect(verdict, |guest| entry::storage_write(guest, slot_ptr, index, buf, len)).map(drop)
    }

    fn get_balance(&mut self, source: &mut Source<'_>) -> Result<(), End> {
        let of = source.choose(&[CONTRACT, OTHER, NOBODY]);
        let address = self.pointer(source, KEY);
        self.put(address, &of.0);
        let of = self.at(address).map_or(of, Address);
        let result = self.pointer(source, RESULT);
        let verdict = self.model.get_balance(of, address, result);
        let balance = self.expect(verdict, |guest| entry::get_balance(guest, address, result))?;
        if let Some(balance) = balance {
            assert_eq!(self.at(result), Some(balance));
        }
        Ok(())
    }

    fn get_self_balance(&mut self, source: &mut Source<'_>) -> Result<(), End> {
        let result = self.pointer(source, RESULT);
        let verdict = self.model.get_self_balance(result);
        let balance = self.expect(verdict, |guest| entry::get_self_balance(guest, result))?;
        if let Some(balance) = balance {
            assert_eq!(self.at(result), Some(balance));
        }
        Ok(())
    }

    /// Nothing where the model cannot follow.
    fn gl_call(&mut self, source: &mut Source<'_>) -> Option<Result<(), End>> {
        let asked = request(source);
        let place = self.pointer(source, BUFFER);
        self.put(place, &asked.bytes);
        let len = if source.once_in(32) { source.u32() } else { asked.bytes.len() as u32 };
        let result_fd = self.pointer(source, RESULT);
        let there = self.mem.get(place as usize..).and_then(|rest| rest.get(..len as usize)).map(<[u8]>::to_vec);
        let means = match &there {
            Some(there) if *there != asked.bytes => guess(there),
            _ => asked.means,
        };
        let call = |guest: &mut subvm_core::Guest<'_>| entry::gl_call(guest, place, len, result_fd);
        if means == Means::Anything {
            let _ = self.call(call);
            return None;
        }
        let spawns = matches!(means, Means::Block | Means::Sandbox | Means::Call(_));
        if spawns && self.model.ram_limit < u32::MAX.into() {
            // How much a child holds is not the model's to know.
            let _ = self.call(call);
            return None;
        }
        let verdict = self.model.gl_call(&means, [place, len, result_fd], &there.unwrap_or_default());
        Some(self.expect(verdict, call).and_then(|given| {
            let Some((fd, given)) = given else { return Ok(()) };
            let number = self.at(result_fd).map(u32::from_le_bytes);
            assert_eq!(number, Some(fd.unwrap_or(u32::MAX)), "the descriptor of {means:?}");
            fd.map_or(Ok(()), |fd| self.read(fd, given))
        }))
    }

    /// Reads a result to its end and holds it to what it must be. Time may run out, or RAM for what a module answered.
    fn read(&mut self, fd: u32, given: Given) -> Result<(), End> {
        let there = self.machine.read(fd)?;
        let bytes = match given {
            Given::Nothing => Vec::new(),
            Given::Bytes(bytes) => bytes,
            Given::Pending(held) => {
                // Its bytes take the place of what the request held.
                self.model.ram = self.model.ram - held + MODULES_ANSWER.len() as u64;
                MODULES_ANSWER.to_vec()
            }
        };
        assert_eq!(there, bytes, "what descriptor {fd} reads");
        self.model.ticks = self.machine.ticks();
        self.results.push((fd, bytes.len() as u64));
        Ok(())
    }

    /// Closes a result, so that its number is given again.
    fn close(&mut self, source: &mut Source<'_>) -> Result<(), End> {
        if !self.results.is_empty() {
            let (fd, held) = self.results.swap_remove(usize::from(source.byte()) % self.results.len());
            assert_eq!(self.machine.wasi("fd_close", &[fd.into()])?, 0);
            self.model.close(fd, held);
            self.model.ticks = self.machine.ticks();
        }
        Ok(())
    }

    /// A slot, and the arguments of a storage call: the slot's place, index, buffer, length.
    fn storage_arguments(&mut self, source: &mut Source<'_>) -> (SlotId, [u32; 4]) {
        let slot = source.choose(&[SlotId([1; 32]), SlotId([2; 32]), LOCKED]);
        let index = match source.below(8) {
            0 => u32::MAX - u32::from(source.byte()),
            1 => source.u32(),
            _ => u32::from(source.below(100)),
        };
        let len = if source.once_in(32) { source.u32() } else { source.below(100).into() };
        let buf = self.pointer(source, BUFFER);
        let slot_ptr = self.pointer(source, KEY);
        let value = source.byte();
        self.put(buf, &vec![value; (len as usize).min(self.mem.len())]);
        self.put(slot_ptr, &slot.0);
        (self.at(slot_ptr).map_or(slot, SlotId), [slot_ptr, index, buf, len])
    }

    /// Mostly where it should be.
    fn pointer(&self, source: &mut Source<'_>, usual: u32) -> u32 {
        let small = u32::from(source.byte());
        match small % 16 {
            13 => (self.mem.len() as u32).wrapping_sub(small / 16),
            14 => u32::MAX - small / 16,
            15 => usual + small / 16,
            _ => usual,
        }
    }

    /// Puts as much as there is room for.
    fn put(&mut self, place: u32, bytes: &[u8]) {
        let room = self.mem.get_mut(place as usize..).unwrap_or_default();
        room.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    }

    fn at<const N: usize>(&self, place: u32) -> Option<[u8; N]> {
        self.mem.get(place as usize..)?.first_chunk().copied()
    }

    fn ram(&mut self) -> u64 {
        self.machine.guest().cx().expect("no child runs").ram.used()
    }

    fn seen(&mut self) -> Seen {
        let mut guest = self.machine.guest();
        let cx = guest.cx().expect("no child runs");
        Seen { ram: cx.ram.used(), descriptors: format!("{:?}", cx.wasi), mem: self.mem.clone() }
    }

    /// Makes a call on the guest's own memory.
    fn call(&mut self, call: impl FnOnce(&mut subvm_core::Guest<'_>) -> Result<u32, End>) -> Result<u32, End> {
        call(&mut subvm_core::Guest { mem: &mut self.mem, ..self.machine.guest() })
    }

    /// Makes a call and holds it to the model's verdict. Gives what the model gives where it succeeds; an error ends the sub-VM.
    fn expect<T>(
        &mut self,
        verdict: Verdict<T>,
        call: impl FnOnce(&mut subvm_core::Guest<'_>) -> Result<u32, End>,
    ) -> Result<Option<T>, End> {
        let before = self.seen();
        let result = self.call(call).map_err(|end| end.into_result().expect("nothing of the node fails"));
        let refused = match (&verdict, &result) {
            (Ok(_), Ok(0)) => false,
            (Err(Stop::Errno(errno)), Ok(number)) => {
                assert_eq!(*errno as u32, *number);
                assert_ne!(*errno, Errno::Success);
                true
            }
            (Err(Stop::Ends(outcome)), Err(ended)) => {
                assert_eq!(outcome, ended);
                true
            }
            (Ok(_), result) => panic!("it should have succeeded: {result:?}"),
            (Err(stop), result) => panic!("it should have been {stop:?}: {result:?}"),
        };
        assert_eq!(self.machine.ticks(), self.model.ticks, "ticks after {result:?}");
        assert_eq!(self.ram(), self.model.ram, "RAM after {result:?}");
        if refused {
            assert!(self.seen() == before, "{result:?} has an effect");
        }
        match (verdict, result) {
            (Ok(given), Ok(_)) => Ok(Some(given)),
            (Err(_), Ok(_)) => Ok(None),
            (_, Err(outcome)) => Err(outcome.into()),
        }
    }
}
