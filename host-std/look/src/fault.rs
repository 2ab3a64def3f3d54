//! A fault for practice: what a processor or a compiler at fault would do.

use wasmparser::Operator;

use crate::instruction::bodies;

/// An engine rounds `f64` another way in one function: `nearest` as `floor`, `floor` and `ceil` as `trunc`, `trunc` as `floor`. They cost the same
/// ticks, and differ for some numbers only.
///
/// ```
/// use subvm_look::Fault;
/// assert_eq!("12".parse(), Ok(Fault { function: 12 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The function, by its index in each module that rounds there.
    pub function: u32,
}

impl std::str::FromStr for Fault {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(|function| Self { function })
    }
}

/// The byte of the instruction that is computed in place of one that rounds.
fn instead(operator: &Operator<'_>) -> Option<u8> {
    const FLOOR: u8 = 0x9c;
    const TRUNC: u8 = 0x9d;
    match operator {
        Operator::F64Nearest | Operator::F64Trunc => Some(FLOOR),
        Operator::F64Floor | Operator::F64Ceil => Some(TRUNC),
        _ => None,
    }
}

impl Fault {
    /// The module, computing wrongly; nothing where it has nothing to compute wrongly.
    pub(crate) fn planted(&self, wasm: &[u8]) -> Option<Vec<u8>> {
        let (_, body) = bodies(wasm).find(|(function, _)| *function == self.function)?;
        let mut faulty = wasm.to_vec();
        let mut reader = body.get_operators_reader().ok()?;
        let mut planted = false;
        while !reader.eof() {
            let at = reader.original_position();
            if let Some(other) = instead(&reader.read().ok()?) {
                *faulty.get_mut(at)? = other;
                planted = true;
            }
        }
        planted.then_some(faulty)
    }

    /// The functions of a module in which it can be planted: those that round.
    ///
    /// ```
    /// let wasm = wat::parse_str("(module (func) (func (drop (f64.nearest (f64.const 2.5)))))")?;
    /// assert_eq!(subvm_look::Fault::places(&wasm), [1]);
    /// # Ok::<(), wat::Error>(())
    /// ```
    #[must_use]
    pub fn places(wasm: &[u8]) -> Vec<u32> {
        let rounds =
            |operator: wasmparser::Result<Operator<'_>>| operator.is_ok_and(|operator| instead(&operator).is_some());
        let has = |body: wasmparser::FunctionBody<'_>| {
            body.get_operators_reader().is_ok_and(|operators| operators.into_iter().any(rounds))
        };
        bodies(wasm).filter(|(_, body)| has(body.clone())).map(|(function, _)| function).collect()
    }
}
