//! Host functions by their numbers, and what of a guest's memory a call of each is told by.

use subvm_core::costs::calls::Price;
use subvm_core::costs::instructions::Schedule;
use subvm_core::host::Call;
use subvm_core::{costs, sdk, wasi};

use super::sample::{Sample, Sampler};

/// A host function, by its number in a recording: those of WASI as the specification lists them, then those of `genlayer_sdk`.
///
/// ```
/// use subvm_replay::Function;
/// let read = Function::named("fd_read").unwrap();
/// assert_eq!((read.name(), read.params()), ("fd_read", &["fd", "iovs", "iovs_len", "nread"][..]));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Function(u8);

const WASI: u8 = wasi::FUNCTIONS.len() as u8;
/// How many there are.
pub(crate) const FUNCTIONS: u8 = WASI + sdk::FUNCTIONS.len() as u8;

/// The most arguments that a function has.
pub(crate) const ARGS: usize = 9;

impl Function {
    /// The function of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        (0..FUNCTIONS).map(Self).find(|function| function.name() == name)
    }

    /// The function that is called.
    pub(crate) fn of(call: &Call<'_>) -> Option<Self> {
        let number = if call.module == sdk::MODULE {
            sdk::FUNCTIONS.iter().position(|function| function.name == call.name)? + usize::from(WASI)
        } else {
            wasi::FUNCTIONS.iter().position(|function| function.name == call.name)?
        };
        u8::try_from(number).ok().map(Self)
    }

    pub(crate) fn numbered(number: u8) -> Option<Self> {
        (number < FUNCTIONS).then_some(Self(number))
    }

    pub(crate) fn number(self) -> u8 {
        self.0
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.described().0
    }

    /// The names of its parameters.
    #[must_use]
    pub fn params(self) -> &'static [&'static str] {
        self.described().1
    }

    fn described(self) -> (&'static str, &'static [&'static str]) {
        let number = usize::from(self.0);
        if let Some(function) = wasi::FUNCTIONS.get(number) {
            return (function.name, function.params);
        }
        let function = sdk::FUNCTIONS.get(number.wrapping_sub(wasi::FUNCTIONS.len()));
        function.map_or(("", &[]), |function| (function.name, function.params))
    }

    /// Whether it may start sub-VMs.
    pub(crate) fn starts(self) -> bool {
        self.name() == "gl_call"
    }

    /// Whether what a successful call moved came from the guest, rather than to it.
    pub(crate) fn takes(self) -> bool {
        matches!(self.name(), "fd_write" | "storage_write")
    }

    fn touched(self) -> &'static Touched {
        TOUCHED.get(usize::from(self.0)).unwrap_or(&NOTHING)
    }

    /// Whether a call is told by memory that it begins with.
    pub(crate) fn is_given(self) -> bool {
        self.touched().given.is_some()
    }

    /// Whether a call that succeeds is told by memory that it moved.
    pub(crate) fn moves(self) -> bool {
        !self.touched().moved.is_empty()
    }

    /// What a call is given in memory, by the prices of its run.
    pub(crate) fn given(self, args: &[u64], mem: &[u8], ticks: i64, schedule: &Schedule) -> Option<Sample> {
        let piece = self.touched().given?;
        let mut sampler = Sampler::default();
        // What is not paid for is not looked at: such a call fails.
        let len = piece.len(args);
        let payable = match piece {
            Piece::Fixed(..) => true,
            Piece::Sized(..) if self.starts() => {
                let price = len.saturating_mul(schedule.call(Price::RequestByte));
                len <= costs::REQUEST && i64::try_from(price).is_ok_and(|price| price <= ticks)
            }
            _ => len <= costs::PATH as u64,
        };
        if payable {
            piece.sample(args, mem, &mut sampler);
        }
        Some(sampler.finish())
    }

    /// What a call that succeeded has moved to or from memory: it was paid for.
    pub(crate) fn moved(self, args: &[u64], mem: &[u8]) -> Option<Sample> {
        let pieces = self.touched().moved;
        let mut sampler = Sampler::default();
        pieces.iter().for_each(|piece| piece.sample(args, mem, &mut sampler));
        (!pieces.is_empty()).then(|| sampler.finish())
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What of memory tells a call.
#[derive(Clone, Copy)]
struct Touched {
    given: Option<Piece>,
    moved: &'static [Piece],
}

const NOTHING: Touched = Touched { given: None, moved: &[] };

/// Some of a guest's memory, by the places of arguments.
#[derive(Clone, Copy)]
enum Piece {
    /// So many bytes at this argument.
    Fixed(usize, usize),
    /// At the first argument, as many bytes as the second says.
    Sized(usize, usize),
    /// At the first argument, as many bytes as the u32 says to which the second points.
    Counted(usize, usize),
    /// The iovecs at the first argument, as many as the second says, and what they point to, up to as many bytes as the u32 says to which the
    /// third points.
    Vectors(usize, usize, usize),
}

fn at(args: &[u64], place: usize) -> u64 {
    args.get(place).copied().unwrap_or(0)
}

fn bytes(mem: &[u8], from: u64, len: u64) -> &[u8] {
    let range = usize::try_from(from).ok().zip(usize::try_from(from.saturating_add(len)).ok());
    range.and_then(|(from, end)| mem.get(from..end)).unwrap_or_default()
}

fn word(mem: &[u8], at: u64) -> u64 {
    bytes(mem, at, 4).first_chunk().map_or(0, |word| u32::from_le_bytes(*word).into())
}

impl Piece {
    fn len(self, args: &[u64]) -> u64 {
        match self {
            Self::Fixed(_, len) => len as u64,
            Self::Sized(_, len) => at(args, len),
            Self::Counted(..) | Self::Vectors(..) => 0,
        }
    }

    fn sample(self, args: &[u64], mem: &[u8], sampler: &mut Sampler) {
        match self {
            Self::Fixed(ptr, len) => sampler.add(bytes(mem, at(args, ptr), len as u64)),
            Self::Sized(ptr, len) => sampler.add(bytes(mem, at(args, ptr), at(args, len))),
            Self::Counted(ptr, count) => sampler.add(bytes(mem, at(args, ptr), word(mem, at(args, count)))),
            Self::Vectors(iovs, count, moved) => {
                let iovs = bytes(mem, at(args, iovs), at(args, count).min(costs::IOVECS.into()) * 8);
                sampler.add(iovs);
                let mut left = word(mem, at(args, moved));
                for vector in iovs.as_chunks::<8>().0 {
                    let len = word(vector, 4).min(left);
                    sampler.add(bytes(mem, word(vector, 0), len));
                    left -= len;
                }
            }
        }
    }
}

/// By number. What a function's row does not name is nothing, or stands in the package (arguments, environment).
static TOUCHED: [Touched; FUNCTIONS as usize] = touched();

const fn touched() -> [Touched; FUNCTIONS as usize] {
    let mut all = [NOTHING; FUNCTIONS as usize];
    let mut number = 0;
    while number < FUNCTIONS as usize {
        let name = if number < wasi::FUNCTIONS.len() {
            WASI_NAMES[number]
        } else {
            sdk::FUNCTIONS[number - wasi::FUNCTIONS.len()].name
        };
        let mut row = 0;
        while row < ROWS.len() {
            if same(ROWS[row].0, name) {
                all[number] = Touched { given: ROWS[row].1, moved: ROWS[row].2 };
            }
            row += 1;
        }
        number += 1;
    }
    all
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident($($param:ident: $type:ident),*) -> $answer:ident, $price:ident;)*) => {
        &[$(stringify!($name)),*]
    };
}
const WASI_NAMES: &[&str] = subvm_core::wasi_functions!(names);

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    a.len() == b.len() && at == a.len()
}

type Row = (&'static str, Option<Piece>, &'static [Piece]);

const ROWS: &[Row] = &[
    ("args_sizes_get", None, &[Piece::Fixed(0, 4), Piece::Fixed(1, 4)]),
    ("environ_sizes_get", None, &[Piece::Fixed(0, 4), Piece::Fixed(1, 4)]),
    ("clock_res_get", None, &[Piece::Fixed(1, 8)]),
    ("clock_time_get", None, &[Piece::Fixed(2, 8)]),
    ("fd_fdstat_get", None, &[Piece::Fixed(1, 24)]),
    ("fd_filestat_get", None, &[Piece::Fixed(1, 64)]),
    ("fd_pread", None, &[Piece::Vectors(1, 2, 4), Piece::Fixed(4, 4)]),
    ("fd_prestat_get", None, &[Piece::Fixed(1, 8)]),
    ("fd_prestat_dir_name", None, &[Piece::Sized(1, 2)]),
    ("fd_read", None, &[Piece::Vectors(1, 2, 3), Piece::Fixed(3, 4)]),
    ("fd_readdir", None, &[Piece::Counted(1, 4), Piece::Fixed(4, 4)]),
    ("fd_seek", None, &[Piece::Fixed(3, 8)]),
    ("fd_tell", None, &[Piece::Fixed(1, 8)]),
    ("fd_write", None, &[Piece::Vectors(1, 2, 3), Piece::Fixed(3, 4)]),
    ("path_filestat_get", Some(Piece::Sized(2, 3)), &[Piece::Fixed(4, 64)]),
    ("path_open", Some(Piece::Sized(2, 3)), &[Piece::Fixed(8, 4)]),
    ("random_get", None, &[Piece::Sized(0, 1)]),
    ("storage_read", Some(Piece::Fixed(0, 32)), &[Piece::Sized(2, 3)]),
    ("storage_write", Some(Piece::Fixed(0, 32)), &[Piece::Sized(2, 3)]),
    ("get_balance", Some(Piece::Fixed(0, 20)), &[Piece::Fixed(1, 32)]),
    ("get_self_balance", None, &[Piece::Fixed(0, 32)]),
    ("gl_call", Some(Piece::Sized(0, 1)), &[Piece::Fixed(2, 4)]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_of_a_function_and_its_pieces_are_of_its_parameters() {
        for (name, given, moved) in ROWS {
            let function = Function::named(name).unwrap_or_else(|| panic!("there is no {name}"));
            let count = function.params().len();
            for piece in given.iter().chain(*moved) {
                let last = match *piece {
                    Piece::Fixed(ptr, _) => ptr,
                    Piece::Sized(a, b) | Piece::Counted(a, b) => a.max(b),
                    Piece::Vectors(a, b, c) => a.max(b).max(c),
                };
                assert!(last < count, "{name}");
            }
            assert!(function.moves());
        }
    }

    #[test]
    fn numbers_and_names_lead_to_each_other() {
        for number in 0..FUNCTIONS {
            let function = Function::numbered(number).unwrap();
            assert_eq!(Function::named(function.name()), Some(function));
            assert!(function.params().len() <= ARGS);
        }
        assert_eq!((FUNCTIONS, Function::numbered(FUNCTIONS)), (51, None));
        assert!(Function::named("gl_call").unwrap().starts());
    }

    #[test]
    fn what_is_outside_of_memory_is_not_sampled_and_nothing_panics() {
        for number in 0..FUNCTIONS {
            let function = Function::numbered(number).unwrap();
            for args in [[u64::MAX; ARGS], [u32::MAX.into(); ARGS], [0; ARGS], [7; ARGS]] {
                for mem in [&[][..], &[0xff; 100]] {
                    let given = function.given(&args, mem, i64::MAX, &Schedule::V1);
                    let _ = (given, function.moved(&args, mem));
                }
            }
        }
    }

    #[test]
    fn a_request_that_cannot_be_paid_is_not_read() {
        let (call, mem) = (Function::named("gl_call").unwrap(), [1; 100]);
        // By the prices of the run: a recording under dearer ones is replayed, and compared, by those.
        const DEARER: Schedule = Schedule::V1.next().call_priced(Price::RequestByte, 9);
        for (schedule, price) in [(Schedule::V1, 400), (DEARER, 900)] {
            let given = |ticks| call.given(&[0, 100, 0], &mem, ticks, &schedule).unwrap().len();
            assert_eq!((given(price - 1), given(price)), (0, 100));
        }
        let endless = call.given(&[0, u64::MAX, 0], &mem, i64::MAX, &DEARER).unwrap();
        assert_eq!(endless.len(), 0);
    }
}
