//! What lowering appends to a module because the guest's functions need it.

use alloc::collections::BTreeMap;
use alloc::vec;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};

use super::answers::Answers;
use super::appended::{Appended, signature};
use super::bulk::Bulk;
use super::counters::Globals;
use super::floats;
use super::frames::Notebook;
use super::imports::HostImports;
use super::options::{Floats, Options};
use super::survey::Survey;
use super::watch::Watched;

/// Everything appended, and where the guest's functions find it.
pub(super) struct Helpers {
    pub(super) appended: Appended,
    pub(super) imports: HostImports,
    /// The helper that stands for an instruction.
    pub(super) bulk: BTreeMap<Bulk, u32>,
    pub(super) floats: BTreeMap<&'static str, u32>,
    /// For each of the guest's types with several results, the type of a block that leaves them.
    pub(super) exits: BTreeMap<u32, u32>,
}

impl Helpers {
    /// Makes the helpers that the surveyed module needs.
    pub(super) fn make(
        survey: &Survey<'_>,
        options: &Options,
        globals: &Globals,
        notebook: Option<Notebook>,
    ) -> Helpers {
        let functions = survey.function_count() + Watched::count(options);
        let mut appended = Appended::after(survey.types.len() as u32, functions);
        let watched = Watched::of(&mut appended, survey.imported_functions(), options);
        let memory = |index| notebook.map_or(index, |notebook| notebook.memory(index));
        let answers = Answers::of(survey, options, globals, (survey.memories > 0).then(|| memory(0)));
        let imports = HostImports::append(&mut appended, survey, globals, watched, answers);
        let mut exits = BTreeMap::new();
        for &ty in &survey.function_types {
            let (_, results) = signature(&survey.types[ty as usize]);
            if results.len() > 1 {
                exits.entry(ty).or_insert_with(|| appended.ty((vec![], results)));
            }
        }
        let element = |table: u32| RoundtripReencoder.ref_type(survey.tables[table as usize]).expect("a 2.0 type");
        let mut helper = |bulk: Bulk| {
            appended.function(bulk.signature(element), bulk.moved(memory).helper(&options.schedule, globals))
        };
        let bulk = survey.bulk.iter().map(|&bulk| (bulk, helper(bulk))).collect();
        let floats = match options.floats {
            Floats::Soft => floats::soft::append(&mut appended, &survey.floats, globals),
            _ => BTreeMap::new(),
        };
        Helpers { appended, imports, bulk, floats, exits }
    }
}
