//! The types and functions that lowering appends to a module.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{Function, ValType};
use wasmparser::FuncType;

/// A function type.
pub(super) type Signature = (Vec<ValType>, Vec<ValType>);

/// The function type as the encoder writes it.
pub(super) fn signature(ty: &FuncType) -> Signature {
    let encode = |types: &[wasmparser::ValType]| types.iter().copied().map(encoded).collect();
    (encode(ty.params()), encode(ty.results()))
}

/// The type as the encoder writes it.
pub(super) fn encoded(ty: wasmparser::ValType) -> ValType {
    RoundtripReencoder.val_type(ty).expect("the types of WebAssembly 2.0 have no indices to map")
}

/// Everything appended.
pub(super) struct Appended {
    first_type: u32,
    type_indices: BTreeMap<Signature, u32>,
    types: Vec<Signature>,
    first_function: u32,
    /// The type and body of each function.
    functions: Vec<(u32, Function)>,
}

impl Appended {
    /// Nothing, to a module of so many types and functions.
    pub(super) fn after(types: u32, functions: u32) -> Appended {
        Appended {
            first_type: types,
            type_indices: BTreeMap::new(),
            types: Vec::new(),
            first_function: functions,
            functions: Vec::new(),
        }
    }

    /// The index of a type, appended where it is not there yet.
    pub(super) fn ty(&mut self, signature: Signature) -> u32 {
        *self.type_indices.entry(signature).or_insert_with_key(|signature| {
            self.types.push(signature.clone());
            self.first_type + self.types.len() as u32 - 1
        })
    }

    /// Appends a function and gives its index.
    pub(super) fn function(&mut self, signature: Signature, body: Function) -> u32 {
        let index = self.next_function();
        let ty = self.ty(signature);
        self.functions.push((ty, body));
        index
    }

    /// The index of the next function.
    pub(super) fn next_function(&self) -> u32 {
        self.first_function + self.functions.len() as u32
    }

    /// All types, in order.
    pub(super) fn types(&self) -> &[Signature] {
        &self.types
    }

    /// The type and body of each function, in order.
    pub(super) fn functions(&self) -> &[(u32, Function)] {
        &self.functions
    }
}
