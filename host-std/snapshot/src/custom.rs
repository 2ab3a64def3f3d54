//! Custom sections: those that still say what is so.

use wasm_encoder::Encode;
use wasmparser::BinaryReader;

use crate::plan::Plan;

/// Subsections of `name` that name element and data segments, which have other numbers now.
const NAMES_OF_SEGMENTS: [u8; 2] = [8, 9];

/// A section that is kept: how many others may stand before it, and its content.
pub(crate) type Kept = (usize, Vec<u8>);
/// One that is not: its name, and why.
pub(crate) type LeftOut = (String, &'static str);

/// Those that are kept, and the others.
pub(crate) fn kept(plan: &Plan<'_>) -> (Vec<Kept>, Vec<LeftOut>) {
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for custom in &plan.customs {
        match why_not(custom.name) {
            Some(why) => left_out.push((custom.name.to_owned(), why)),
            // Functions have the numbers, and code the bytes, that they had.
            None if custom.name == "name" => {
                let mut content = Vec::new();
                custom.name.encode(&mut content);
                // What cannot be read says nothing.
                match names(custom.data) {
                    Some(names) => content.extend(names),
                    None => content.extend_from_slice(custom.data),
                }
                kept.push((custom.rank, content));
            }
            None => kept.push((custom.rank, custom.content.to_vec())),
        }
    }
    (kept, left_out)
}

fn why_not(name: &str) -> Option<&'static str> {
    match name {
        "linking" | "dylink" | "dylink.0" => Some("it is for linkers, and names data that is not there any more"),
        "sourceMappingURL" => Some("it leads to a map of places in the module, which are others now"),
        _ if name.starts_with("reloc.") => Some("it is for linkers, and names places that are others now"),
        _ => None,
    }
}

/// The names of all but segments.
fn names(data: &[u8]) -> Option<Vec<u8>> {
    let mut reader = BinaryReader::new(data, 0);
    let mut names = Vec::new();
    while !reader.eof() {
        let start = reader.original_position();
        let kind = reader.read_u8().ok()?;
        let len = reader.read_var_u32().ok()?;
        reader.read_bytes(len as usize).ok()?;
        if !NAMES_OF_SEGMENTS.contains(&kind) {
            names.extend_from_slice(data.get(start..reader.original_position())?);
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_segments_are_left_out_and_others_stay() {
        assert_eq!(names(&[0, 2, 1, 65, 9, 1, 0, 1, 1, 0]), Some(vec![0, 2, 1, 65, 1, 1, 0]));
        assert_eq!((names(&[]), names(&[1, 5, 0])), (Some(Vec::new()), None));
        assert_eq!((why_not(".debug_info"), why_not("name"), why_not("producers")), (None, None, None));
        assert!(why_not("reloc.CODE").is_some() && why_not("linking").is_some());
    }
}
