//! The types and functions that lowering appends to a module.

use std::collections::{BTreeMap, HashMap};

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{Function, ValType};

use super::body::encoded;
use super::bulk::Bulk;
use super::floats;
use super::imports::{self, HostImports};
use super::memories::Globals;
use super::options::{Floats, Options};
use super::survey::Survey;

/// A function type.
pub(super) type Signature = (Vec<ValType>, Vec<ValType>);

/// Everything appended.
pub(super) struct Helpers {
    pub(super) types: Types,
    /// The type and body of each function.
    pub(super) functions: Vec<(u32, Function)>,
    /// The index of the first of them.
    first: u32,
    pub(super) imports: HostImports,
    /// The helper that stands for an instruction.
    pub(super) bulk: BTreeMap<Bulk, u32>,
    pub(super) floats: BTreeMap<&'static str, u32>,
    /// For each of the guest's types with several results, the type of a block that leaves them.
    pub(super) exits: BTreeMap<u32, u32>,
}

impl Helpers {
    /// Makes the helpers that the surveyed module needs.
    pub(super) fn make(survey: &Survey<'_>, options: &Options, globals: &Globals) -> Helpers {
        let mut helpers = Helpers {
            types: Types::after(survey.types.len() as u32),
            functions: Vec::new(),
            first: survey.function_count(),
            imports: HostImports::default(),
            bulk: BTreeMap::new(),
            floats: BTreeMap::new(),
            exits: BTreeMap::new(),
        };
        imports::append(&mut helpers, survey, globals);
        for &ty in &survey.function_types {
            let results = survey.types[ty as usize].results();
            if results.len() > 1 && !helpers.exits.contains_key(&ty) {
                let block = helpers.types.index((vec![], results.iter().copied().map(encoded).collect()));
                helpers.exits.insert(ty, block);
            }
        }
        for &bulk in &survey.bulk {
            let element = |table: u32| RoundtripReencoder.ref_type(survey.tables[table as usize]).expect("a 2.0 type");
            let signature = bulk.signature(element);
            let index = helpers.push(signature, bulk.helper(&options.schedule, globals));
            helpers.bulk.insert(bulk, index);
        }
        if options.floats == Floats::Soft {
            floats::soft::append(&mut helpers, &survey.floats, globals);
        }
        helpers
    }

    /// Appends a function and gives its index.
    pub(super) fn push(&mut self, signature: Signature, body: Function) -> u32 {
        let index = self.next();
        let ty = self.types.index(signature);
        self.functions.push((ty, body));
        index
    }

    /// The index of the next function.
    pub(super) fn next(&self) -> u32 {
        self.first + self.functions.len() as u32
    }
}

/// The types appended to a module's own.
pub(super) struct Types {
    first: u32,
    indices: HashMap<Signature, u32>,
    list: Vec<Signature>,
}

impl Types {
    fn after(first: u32) -> Types {
        Types { first, indices: HashMap::new(), list: Vec::new() }
    }

    /// The index of a type, appended where it is not there yet.
    pub(super) fn index(&mut self, signature: Signature) -> u32 {
        *self.indices.entry(signature).or_insert_with_key(|signature| {
            self.list.push(signature.clone());
            self.first + self.list.len() as u32 - 1
        })
    }

    /// All appended types, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Signature> {
        self.list.iter()
    }
}
