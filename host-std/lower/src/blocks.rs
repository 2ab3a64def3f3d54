//! The straight-line blocks of a function in the making: each is written when its cost is known, after what it pays.

use alloc::vec;
use alloc::vec::Vec;

use wasm_encoder::InstructionSink;
use wasmparser::BrTable;

use super::gas::Meter;
use super::look::Place;
use super::owed::{Label, Named, Opener, Owed, SMALL_FUNCTION_TICKS, UNCOMPARED_TICKS};
use super::unwound::Unwound;

/// The byte of `end`.
const END: &[u8] = &[0x0b];

/// A function's blocks, those that are open with their labels, and the one in the making.
pub(super) struct Blocks {
    meter: Meter,
    /// What a function with a `try_table` does where an exception comes in.
    unwound: Option<Unwound>,
    /// Whether the counter is not compared where the function is entered and left.
    small: bool,
    /// What is written.
    out: Vec<u8>,
    block: Block,
    /// What is owed where `block` starts.
    owed: Owed,
    /// The labels in scope, the function's own first.
    labels: Vec<Label>,
    teller: Teller,
    /// Where instructions came to stand, in what is written; nothing where nobody asks.
    places: Option<Vec<Place>>,
}

/// Blocks that tell that they begin.
#[derive(Default)]
struct Teller {
    /// The function that they call, where they do.
    function: Option<u32>,
    /// Where the block in the making begins in the guest's module.
    at: Option<u32>,
    /// Where those began that are written.
    begun: Vec<u32>,
    /// What they took, in bytes.
    bytes: usize,
}

/// A straight-line block.
struct Block {
    code: Vec<u8>,
    /// Where instructions stand in `code`.
    places: Vec<Place>,
    ticks: u64,
    /// What may run uncompared in what it calls.
    beyond: u64,
    start: Start,
    /// How many of the guest's blocks are open where it starts, once it has an instruction.
    depth: Option<u32>,
    /// Whether control can reach it.
    reachable: bool,
    /// Whether the counter must be right while it runs.
    shows: bool,
    /// Whether the counter must be compared before it runs.
    compares: bool,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callee {
    /// The host, or a helper for a bulk instruction: it compares the counter behind all that it charges.
    Host,
    /// A small function, which costs no more than this.
    Small { ticks: u64 },
    /// A function that is not small.
    Large,
    /// Any function.
    Any,
}

impl Callee {
    /// What may run uncompared in it, apart from what it calls last.
    fn uncompared(self) -> u64 {
        match self {
            Callee::Host | Callee::Large => 0,
            Callee::Small { ticks } => ticks,
            Callee::Any => SMALL_FUNCTION_TICKS,
        }
    }
}

/// Where a straight-line block starts. At the first two the counter is compared; a small function starts *elsewhere*.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Function,
    Loop,
    Elsewhere,
}

impl Blocks {
    /// The first block of a function that costs `ticks` to enter and is `small` or not, and whose label is `named`.
    pub(super) fn new(
        meter: Meter,
        unwound: Option<Unwound>,
        ticks: u64,
        small: bool,
        named: Named,
        placed: bool,
    ) -> Self {
        Blocks {
            meter,
            unwound,
            small,
            out: Vec::new(),
            block: Block {
                code: Vec::new(),
                places: Vec::new(),
                ticks,
                beyond: 0,
                start: if small { Start::Elsewhere } else { Start::Function },
                depth: None,
                reachable: true,
                shows: false,
                compares: false,
            },
            owed: Owed::default(),
            labels: vec![Label::new(Opener::Block, true, named)],
            teller: Teller::default(),
            places: placed.then(Vec::new),
        }
    }

    /// Where the block's next instruction goes.
    pub(super) fn code(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.block.code)
    }

    /// Appends an instruction to the block as it is.
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.block.code.extend_from_slice(bytes);
    }

    /// Counts an instruction of the block; `shows` says whether the counter must be right when it runs.
    pub(super) fn count(&mut self, ticks: u64, shows: bool) {
        let depth = self.depth();
        self.block.depth.get_or_insert(depth);
        if self.block.reachable {
            self.block.ticks += ticks;
        }
        self.block.shows |= shows;
    }

    /// Where code goes that is before the first block or after the last.
    pub(super) fn outside(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.out)
    }

    /// How many of the guest's blocks are open.
    pub(super) fn depth(&self) -> u32 {
        self.labels.len() as u32 - 1
    }

    /// How many bytes are written.
    pub(super) fn size(&self) -> usize {
        self.out.len() + self.block.code.len()
    }

    /// Has blocks call `function` when they begin, where there is one.
    pub(super) fn tell(&mut self, function: Option<u32>) {
        self.teller.function = function;
    }

    /// An instruction comes, from this byte of the guest's module.
    pub(super) fn comes(&mut self, offset: u32) {
        self.teller.at.get_or_insert(offset);
    }

    /// How many bytes it took to tell where blocks begin, and where exceptions come in.
    pub(super) fn told(&self) -> usize {
        self.teller.bytes
    }

    /// The guest's next instruction stands at byte `original` of its module.
    pub(super) fn place(&mut self, original: usize) {
        if self.places.is_some() {
            self.block.places.push(Place { lowered: self.block.code.len() as u32, original: original as u32 });
        }
    }

    /// Everything written, where blocks begin that tell of it, and where the guest's instructions stand in it.
    pub(super) fn finish(self) -> (Vec<u8>, Vec<u32>, Vec<Place>) {
        (self.out, self.teller.begun, self.places.unwrap_or_default())
    }

    /// `block` or `try_table`, which end no straight-line block.
    pub(super) fn block(&mut self, bytes: &[u8], named: Named) {
        self.copy(bytes);
        self.open(Opener::Block, named);
    }

    /// `loop`.
    pub(super) fn loop_(&mut self, bytes: &[u8], named: Named) {
        self.copy(bytes);
        self.block.shows |= named.caught;
        self.ends(Some(0), self.block.reachable);
        self.open(Opener::Loop, named);
        if named.caught && self.block.reachable {
            self.catches();
        }
        self.owed = Owed::default();
        self.block.start = Start::Loop;
    }

    /// `if`.
    pub(super) fn if_(&mut self, bytes: &[u8], named: Named) {
        self.copy(bytes);
        self.ends(None, self.block.reachable);
        self.open(Opener::If(self.owed), named);
    }

    /// `else`.
    pub(super) fn else_(&mut self, bytes: &[u8]) {
        let label = *self.label(0);
        self.branches(0, label.reachable);
        if let Opener::If(owed) = label.opener {
            self.label(0).opener = Opener::Block;
            self.owed = owed;
        }
        self.out.extend_from_slice(bytes);
    }

    /// `end` of one of the guest's blocks.
    pub(super) fn end(&mut self) {
        let label = *self.label(0);
        match label.opener {
            // No way leads to the end of a loop but through its body.
            Opener::Loop => {
                if !self.block.reachable {
                    self.owed = Owed::default();
                }
                self.ends(None, label.reachable);
            }
            Opener::Block => self.branches(0, label.reachable),
            Opener::If(without) => self.end_without_else(without, label.reachable),
        }
        if label.opener != Opener::Loop {
            self.owed = self.label(0).owed();
        }
        self.out.extend_from_slice(END);
        self.labels.pop();
        if label.caught && label.reachable && label.opener != Opener::Loop {
            self.catches();
            self.owed = Owed::default();
            self.meter.compare(&mut InstructionSink::new(&mut self.out), self.labels.len() as u32);
        }
    }

    /// Behind a label that a `try_table` names: who came there by an exception left frames, and knows the counter alone.
    fn catches(&mut self) {
        if let Some(unwound) = &self.unwound {
            let before = self.out.len();
            unwound.tell(&mut InstructionSink::new(&mut self.out), &self.meter);
            self.teller.bytes += self.out.len() - before;
            unwound.settle(&mut InstructionSink::new(&mut self.out), &self.meter);
        }
    }

    /// The end of the function, behind which the counter is right and, unless the function is small, compared.
    pub(super) fn end_function(&mut self) {
        self.end();
        let mut sink = InstructionSink::new(&mut self.out);
        if self.small {
            return self.meter.show(&mut sink, self.owed.ticks);
        }
        self.meter.pay(&mut sink, self.owed.ticks, 0);
        self.meter.show(&mut sink, 0);
        self.meter.compare(&mut sink, 0);
    }

    /// The end of an `if` without `else`: the way around it owes as much as the others, which may take an `else`.
    fn end_without_else(&mut self, without: Owed, reachable: bool) {
        let ticks = self.label(0).settle(without.ticks);
        self.branches(0, reachable);
        self.label(0).reached(without);
        let caught = self.label(0).caught;
        if reachable && (caught || ticks != without.ticks) {
            let mut sink = InstructionSink::new(&mut self.out);
            sink.else_();
            self.meter.pay(&mut sink, without.ticks, ticks);
            if caught {
                self.meter.show(&mut sink, ticks);
            }
        }
    }

    /// After `br` or what has become one, to the label at `depth`.
    pub(super) fn after_br(&mut self, depth: u32) {
        self.branches(depth, false);
    }

    /// After `br_if`.
    pub(super) fn after_br_if(&mut self, depth: u32) {
        self.branches(depth, self.block.reachable);
    }

    /// After `br_table`.
    pub(super) fn after_br_table(&mut self, targets: &BrTable<'_>) -> wasmparser::Result<()> {
        let reachable = self.block.reachable;
        for target in targets.targets().chain([Ok(targets.default())]) {
            self.block.shows |= self.label(target?).caught;
        }
        self.ends(Some(0), false);
        if reachable {
            self.reaches(targets.default());
            targets.targets().try_for_each(|target| target.map(|target| self.reaches(target)))?;
        }
        Ok(())
    }

    /// After a call the next block starts, and the counter may have changed.
    pub(super) fn after_call(&mut self, callee: Callee) {
        self.block.beyond = callee.uncompared();
        self.ends(None, self.block.reachable);
        if !self.block.reachable {
            return;
        }
        self.meter.refresh(&mut InstructionSink::new(&mut self.out));
        match callee {
            Callee::Host => self.owed.uncompared = 0,
            // It compares when it is left, or before it calls a small function last.
            Callee::Large => self.owed.uncompared = SMALL_FUNCTION_TICKS,
            Callee::Small { .. } | Callee::Any => {}
        }
    }

    /// After a bulk instruction that charged and compared, the counter being right: the next block starts.
    pub(super) fn after_bulk(&mut self) {
        self.ends(None, self.block.reachable);
        self.owed.uncompared = 0;
    }

    /// After a tail call or what throws: the function is left without a comparison behind it.
    pub(super) fn after_leaving(&mut self) {
        self.block.compares = true;
        self.ends(None, false);
    }

    /// After `unreachable`.
    pub(super) fn after_unreachable(&mut self) {
        self.ends(None, false);
    }

    fn open(&mut self, opener: Opener, named: Named) {
        self.labels.push(Label::new(opener, self.block.reachable, named));
    }

    /// The label that a branch of `depth` names.
    fn label(&mut self, depth: u32) -> &mut Label {
        let place = self.labels.len() - 1 - depth as usize;
        &mut self.labels[place]
    }

    /// A way that leads to the label at `depth` from the end of the last block.
    fn reaches(&mut self, depth: u32) {
        let owed = self.owed;
        self.label(depth).reached(owed);
    }

    /// Ends the block with a way to the label at `depth`; `reachable` says whether control comes to the next one.
    fn branches(&mut self, depth: u32, reachable: bool) {
        if !self.block.reachable {
            return self.ends(None, reachable);
        }
        self.block.shows |= self.label(depth).caught;
        let ticks = if self.shown() { 0 } else { self.owed.ticks + self.block.ticks };
        let ticks = self.label(depth).settle(ticks);
        self.ends(Some(ticks), reachable);
        self.reaches(depth);
    }

    /// Whether the block brings the counter up to date before it runs.
    fn shown(&self) -> bool {
        self.block.shows || self.compared()
    }

    /// Whether the counter is compared before the block runs: it must be, or more would run uncompared than may.
    fn compared(&self) -> bool {
        self.block.compares || self.owed.uncompared + self.block.ticks + self.block.beyond > UNCOMPARED_TICKS
    }

    /// Writes the block after what it pays, so that `after` ticks are owed at its end (or what is best), and starts the next
    /// one.
    fn ends(&mut self, after: Option<u64>, reachable: bool) {
        let at = self.teller.at.take();
        if self.block.reachable {
            self.tells(at);
            self.pay(after);
        }
        if let Some(places) = &mut self.places {
            let written = self.out.len() as u32;
            let moved = self.block.places.drain(..);
            places.extend(moved.map(|place| Place { lowered: written + place.lowered, ..place }));
        }
        self.out.append(&mut self.block.code);
        self.block.ticks = 0;
        self.block.beyond = 0;
        self.block.depth = None;
        self.block.start = Start::Elsewhere;
        self.block.shows = false;
        self.block.compares = false;
        self.block.reachable = reachable;
    }

    fn tells(&mut self, at: Option<u32>) {
        let (Some(at), Some(function)) = (at, self.teller.function) else { return };
        let before = self.out.len();
        InstructionSink::new(&mut self.out).i32_const(at as i32).call(function);
        self.teller.bytes += self.out.len() - before;
        self.teller.begun.push(at);
    }

    fn pay(&mut self, after: Option<u64>) {
        let (shown, compared) = (self.shown(), self.compared());
        let label = self.block.depth.unwrap_or_else(|| self.depth()) + 1;
        let before = self.owed.ticks + self.block.ticks;
        let after = after.unwrap_or(if shown { 0 } else { before });
        let mut sink = InstructionSink::new(&mut self.out);
        // What is compared is what the counter says, so that a run which used so much may do with as much.
        if self.block.start == Start::Loop && !shown {
            self.meter.show(&mut sink, 0);
        }
        if self.block.start != Start::Elsewhere {
            self.meter.compare(&mut sink, label);
        }
        if compared {
            self.meter.pay(&mut sink, before, 0);
            self.meter.show(&mut sink, 0);
            self.meter.compare(&mut sink, label);
            self.meter.pay(&mut sink, 0, after);
        } else {
            self.meter.pay(&mut sink, before, after);
            if shown {
                self.meter.show(&mut sink, after);
            }
        }
        let uncompared = self.block.beyond + if compared { 0 } else { self.owed.uncompared + self.block.ticks };
        self.owed = Owed { ticks: after, uncompared: uncompared.max(after) };
    }
}
