//! Functions and blocks that tell of themselves, for profiles, coverage and whoever looks at a run again (`Options::watch`).
//!
//! What they call is imported, behind the guest's own imports, so that the functions that the guest defines stand that many places further;
//! [`FunctionMap`](super::FunctionMap) takes it back. No guest can import it: its module's name is reserved.

use wasm_encoder::{EntityType, ImportSection, InstructionSink};

use super::appended::Appended;
use super::names::{WATCH_FUNCTIONS, WATCH_MODULE};
use super::options::{Options, Watch};

/// From which bit on a function's module stands in `who`.
const ORDINAL: u32 = 24;

/// What a watched module calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched {
    /// The index of `enter`, which the others follow.
    first: u32,
    types: [u32; WATCH_FUNCTIONS.len()],
    ordinal: u32,
    blocks: bool,
}

impl Watched {
    /// Where the options ask for it, in a module that imports so many functions.
    pub(super) fn of(appended: &mut Appended, imported_functions: u32, options: &Options) -> Option<Watched> {
        let types = WATCH_FUNCTIONS.map(|(_, parameters)| (parameters.to_vec(), Default::default()));
        (options.watch != Watch::Nothing).then(|| Watched {
            first: imported_functions,
            types: types.map(|ty| appended.ty(ty)),
            ordinal: options.ordinal,
            blocks: options.watch == Watch::Blocks,
        })
    }

    /// How many functions are imported for it.
    pub(super) fn count(options: &Options) -> u32 {
        if options.watch == Watch::Nothing { 0 } else { WATCH_FUNCTIONS.len() as u32 }
    }

    /// Imports them, behind all other functions.
    pub(super) fn import(&self, imports: &mut ImportSection) {
        for ((name, _), ty) in WATCH_FUNCTIONS.iter().zip(self.types) {
            imports.import(WATCH_MODULE, name, EntityType::Function(ty));
        }
    }

    /// The index of the guest's function `index` that is not the host's.
    pub(super) fn moved(&self, index: u32) -> u32 {
        if index < self.first { index } else { index + WATCH_FUNCTIONS.len() as u32 }
    }

    /// Tells that the guest's function `index` is entered; the counter is right.
    pub(super) fn enter(&self, sink: &mut InstructionSink<'_>, index: u32, gas: u32) {
        sink.i32_const(self.who(index)).global_get(gas).call(self.first);
    }

    /// Tells that it may catch exceptions; the local `kept` has what the stack counter is.
    pub(super) fn tries(&self, sink: &mut InstructionSink<'_>, kept: u32) {
        sink.local_get(kept).call(self.first + 3);
    }

    /// Tells that the guest's function `index` is where exceptions come in; the counter is right.
    pub(super) fn caught(&self, sink: &mut InstructionSink<'_>, index: u32, gas: u32, kept: u32) {
        sink.i32_const(self.who(index)).global_get(gas).local_get(kept).call(self.first + 4);
    }

    fn who(&self, index: u32) -> i32 {
        (index | self.ordinal << ORDINAL) as i32
    }

    /// Tells that the function is left; the counter is right.
    pub(super) fn leave(&self, sink: &mut InstructionSink<'_>, gas: u32) {
        sink.global_get(gas).call(self.first + 1);
    }

    /// What tells that a block begins, where that is wanted.
    pub(super) fn at(&self) -> Option<u32> {
        self.blocks.then_some(self.first + 2)
    }
}
