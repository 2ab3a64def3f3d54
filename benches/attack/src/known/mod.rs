//! The cases that were found before there was a search, each made anew by a small generator, with what it cost then.

mod compiling;
mod contracts;
mod hosts;
mod instructions;
mod linking;
mod memory;
mod misses;
mod motion;
mod requests;
mod stack;
mod text;

use subvm_core::Parts;

use crate::measure::Setting;

/// How many times a tick of the kernel a tick may take.
pub(crate) const BAR: f64 = 3.0;
/// The same where loads miss every cache.
pub(crate) const BAR_FAR: f64 = 15.0;

/// A program, and what is known of it.
pub(crate) struct Case {
    pub(crate) name: String,
    /// What it does, for people.
    pub(crate) what: &'static str,
    /// What it came to when it was found.
    pub(crate) before: &'static str,
    /// What a tick of it may take, of the kernel's.
    pub(crate) bar: f64,
    /// Bytes that it may hold beyond the RAM that it was charged, where that is less than what stacks may take.
    pub(crate) beyond: Option<u64>,
    /// Whether only its compilation is of interest, and what it is like to run is not.
    pub(crate) whole: bool,
    pub(crate) setting: Setting,
    make: Box<dyn Fn() -> Parts>,
}

impl Case {
    pub(crate) fn new(
        name: &str,
        what: &'static str,
        before: &'static str,
        make: impl Fn() -> Parts + 'static,
    ) -> Self {
        let (name, make) = (name.to_owned(), Box::new(make));
        Self { name, what, before, bar: BAR, beyond: None, whole: false, setting: Setting::default(), make }
    }

    /// One module in the text format.
    fn of_text(name: &str, what: &'static str, before: &'static str, text: impl Fn() -> String + 'static) -> Self {
        Self::new(name, what, before, move || text::parts(&text()))
    }

    /// One module.
    fn of_module(name: &str, what: &'static str, before: &'static str, make: impl Fn() -> Vec<u8> + 'static) -> Self {
        Self::new(name, what, before, move || Parts { start: make().into(), ..Parts::default() })
    }

    fn with(mut self, change: impl FnOnce(&mut Setting)) -> Self {
        change(&mut self.setting);
        self
    }

    /// It takes long to compile: only `known --whole` does it.
    fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// All that it holds is charged, but for so much.
    fn holding(self, beyond: u64) -> Self {
        Self { beyond: Some(beyond), ..self }
    }

    pub(crate) fn bar(self, bar: f64) -> Self {
        Self { bar, ..self }
    }

    pub(crate) fn parts(&self) -> Parts {
        (self.make)()
    }
}

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    [
        motion::cases(),
        linking::cases(),
        memory::cases(),
        stack::cases(),
        compiling::cases(),
        requests::cases(),
        contracts::cases(),
        instructions::cases(),
        hosts::cases(),
        misses::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
