//! What a compiler has to do for a module beside the guest's functions: ways into and out of them, one function that sets
//! an instance up, and helpers of lowering. Estimated in values, like [`work`](super::work).
//!
//! wasmtime 48 compiles a way out for each function type, a way in for each function that is exported or may stand in a
//! table, and one function for all constant expressions, the items of element segments and the segments of data.

use wasmparser::{
    ConstExpr, DataKind, DataSectionReader, ElementItems, ElementKind, ElementSectionReader, FuncType,
    GlobalSectionReader, Operator,
};

use super::Survey;
use crate::lower::bulk::Bulk;
use crate::lower::limits::{Limit, Refusal};

/// A way into a function or out of it.
const WAY: u64 = 64;

/// A parameter or result on such a way: it is read from one place and written to another.
const WAY_OPERAND: u64 = 16;

/// An item of an element segment.
const ITEM: u64 = 16;

/// A data segment.
const DATA_SEGMENT: u64 = 20;

/// An operator of a constant expression.
const CONSTANT: u64 = 4;

/// The helper for a bulk or growth instruction with its immediates.
const HELPER: u64 = 1_000;

impl Survey<'_> {
    /// Counts the way out of each type; where a type has several results lowering adds another one of the same results.
    pub(super) fn types_beside(&mut self) -> Result<(), Refusal> {
        let ways = self.types.iter().map(|ty| way(ty) * if ty.results().len() > 1 { 2 } else { 1 });
        self.values += ways.sum::<u64>();
        Limit::ModuleValues.check(self.values)
    }

    /// Counts the way into a function that is defined and may be called from outside.
    pub(super) fn escapes(&mut self, function: u32) {
        if function >= self.imported_functions() && self.escaping.insert(function) {
            self.values += way(self.type_of(function));
        }
    }

    /// Counts a bulk or growth instruction: those with the same immediates have one helper.
    pub(super) fn helped(&mut self, bulk: Bulk) {
        if self.bulk.insert(bulk) {
            self.values += HELPER;
        }
    }

    pub(super) fn note_globals(&mut self, globals: GlobalSectionReader<'_>) -> Result<(), Refusal> {
        for global in globals {
            self.constant(&global?.init_expr)?;
        }
        self.set_up(0)
    }

    pub(super) fn note_elements(&mut self, elements: ElementSectionReader<'_>) -> Result<(), Refusal> {
        for segment in elements {
            let segment = segment?;
            if let ElementKind::Active { offset_expr, .. } = &segment.kind {
                self.constant(offset_expr)?;
            }
            let items = match segment.items {
                ElementItems::Functions(functions) => {
                    let count = functions.count();
                    functions.into_iter().try_for_each(|function| function.map(|function| self.escapes(function)))?;
                    count
                }
                ElementItems::Expressions(_, expressions) => {
                    let count = expressions.count();
                    expressions.into_iter().try_for_each(|expression| self.constant(&expression?))?;
                    count
                }
            };
            self.element_items += u64::from(items);
            self.set_up(ITEM * u64::from(items))?;
        }
        Ok(())
    }

    pub(super) fn note_data(&mut self, data: DataSectionReader<'_>) -> Result<(), Refusal> {
        for segment in data {
            if let DataKind::Active { offset_expr, .. } = segment?.kind {
                self.constant(&offset_expr)?;
                self.set_up(DATA_SEGMENT)?;
            }
        }
        Ok(())
    }

    fn constant(&mut self, expression: &ConstExpr<'_>) -> wasmparser::Result<()> {
        for operator in expression.get_operators_reader() {
            match operator? {
                Operator::End => continue,
                Operator::RefFunc { function_index } => self.escapes(function_index),
                _ => {}
            }
            self.values += CONSTANT;
            self.startup += CONSTANT;
        }
        Ok(())
    }

    /// Counts `values` more of the function that sets an instance up, and holds all of them to the limits.
    fn set_up(&mut self, values: u64) -> Result<(), Refusal> {
        self.startup += values;
        self.values += values;
        self.most_values = self.most_values.max(self.startup);
        Limit::Values.check(self.startup)?;
        Limit::ModuleValues.check(self.values)
    }
}

fn way(ty: &FuncType) -> u64 {
    WAY + WAY_OPERAND * (ty.params().len() + ty.results().len()) as u64
}
