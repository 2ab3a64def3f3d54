//! Where the instructions of a lowered module come from: for people who want to know the line at which one trapped.

use alloc::vec::Vec;
use core::ops::Range;

use wasmparser::{Parser, Payload};

use super::limits::Refusal;
use super::look::{Place, lower_placed};
use super::options::Options;

/// Where the instructions of a lowered module come from.
///
/// ```
/// use subvm_lower::{Options, lower, origins};
/// let module = wat::parse_str("(module (func (drop (i32.div_u (i32.const 1) (i32.const 0)))))")?;
/// let options = Options::default();
/// let (lowered, origins) = (lower(&module, &options).unwrap(), origins(&module, &options).unwrap());
/// // The division is there before and after.
/// let division = |wasm: &[u8]| wasm.iter().rposition(|byte| *byte == 0x6e).unwrap();
/// assert_eq!(origins.original(division(&lowered.wasm)), Some(division(&module)));
/// assert_eq!(origins.original(3), None, "it is in no function");
/// # Ok::<(), wat::Error>(())
/// ```
#[derive(Debug)]
pub struct Origins {
    /// The code of each function in the lowered module, from its first instruction on, in order; and where the guest's came to stand.
    functions: Vec<(Range<usize>, Vec<Place>)>,
}

impl Origins {
    /// The byte of the guest's module at which the instruction begins that byte `lowered` of the lowered module belongs to; nothing where that is
    /// in no function of the guest's, or in what lowering added at a function's end.
    #[must_use]
    pub fn original(&self, lowered: usize) -> Option<usize> {
        let after = self.functions.partition_point(|(code, _)| code.end <= lowered);
        let (code, places) = self.functions.get(after)?;
        let at = lowered.checked_sub(code.start)?;
        let next = places.partition_point(|place| place.lowered as usize <= at);
        // The last one ends the function: what follows is lowering's own.
        let place = places.get(next.checked_sub(1)?).filter(|_| next < places.len())?;
        Some(place.original as usize)
    }
}

/// Lowers once more, and notes where instructions come from.
///
/// # Errors
/// As [`lower`](super::lower()).
///
/// # Cost
/// As [`lower`](super::lower()), and 8 bytes for each instruction.
///
/// ```
/// use subvm_lower::{Options, origins};
/// assert!(origins(b"no module", &Options::default()).is_err());
/// ```
pub fn origins(wasm: &[u8], options: &Options) -> Result<Origins, Refusal> {
    let (lowered, places) = lower_placed(wasm, options)?;
    let mut functions = Vec::with_capacity(places.len());
    // What lowering appended comes after the guest's.
    let mut places = places.into_iter();
    for payload in Parser::new(0).parse_all(&lowered.wasm) {
        if let Payload::CodeSectionEntry(body) = payload?
            && let Some(places) = places.next()
        {
            let first = body.get_operators_reader()?.original_position();
            functions.push((first..body.range().end, places));
        }
    }
    Ok(Origins { functions })
}
