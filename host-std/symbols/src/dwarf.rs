//! Files and lines, from DWARF.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use addr2line::{Context, Frame};
use gimli::{AbbreviationsCacheStrategy, Dwarf, LineProgramHeader, Reader, SectionId, UnitRef};

use super::metered::Metered;
use super::module::Sections;
use super::names::{demangled, shown};
use super::{Place, Row};

/// How often each byte of DWARF may be read on average; an honest one is asked for twice, and read some ten times.
const READS: u64 = 64;
/// Functions that are inlined into each other at one place, and shown.
const INLINED: usize = 64;
/// Rows of line programs.
const ROWS: usize = 1 << 22;

/// The lines of a module.
pub(super) struct Lines {
    dwarf: Option<Arc<Dwarf<Metered>>>,
    /// Where the code section's content begins.
    code: usize,
    /// Made when it is first asked for; nothing where that fails.
    context: Mutex<Option<Option<Context<Metered>>>>,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("are_there", &self.are_there()).finish_non_exhaustive()
    }
}

impl Lines {
    /// Those of a module's sections, whose code section's content begins at byte `code`.
    pub(super) fn new(sections: Sections<'_>, code: usize) -> Self {
        let is_there = [SectionId::DebugInfo, SectionId::DebugLine].iter().all(|id| sections.contains_key(id.name()));
        let total: u64 = sections.values().map(|section| section.len() as u64).sum();
        let budget = Arc::new(AtomicU64::new(total * READS));
        let section = |id: SectionId| {
            Ok::<_, gimli::Error>(Metered::new(sections.get(id.name()).copied().unwrap_or_default(), &budget))
        };
        let dwarf = is_there.then(|| Dwarf::load(section).ok()).flatten();
        let dwarf = dwarf.map(|mut dwarf| {
            dwarf.populate_abbreviations_cache(AbbreviationsCacheStrategy::All);
            Arc::new(dwarf)
        });
        Self { dwarf, code, context: Mutex::default() }
    }

    pub(super) fn are_there(&self) -> bool {
        self.dwarf.is_some()
    }

    /// Innermost first.
    pub(super) fn places(&self, offset: usize) -> Vec<Place> {
        let Some(dwarf) = &self.dwarf else { return Vec::new() };
        let Some(address) = offset.checked_sub(self.code) else { return Vec::new() };
        let mut context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        let context = context.get_or_insert_with(|| Context::from_arc_dwarf(Arc::clone(dwarf)).ok());
        context.as_ref().map_or_else(Vec::new, |context| places(context, address as u64))
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows = Rows { code: self.code, programs: BTreeSet::new(), rows: Vec::new() };
        if let Some(dwarf) = &self.dwarf {
            let mut units = dwarf.units();
            while let Ok(Some(header)) = units.next() {
                // A unit that cannot be read is left out.
                let _ = dwarf.unit(header).and_then(|unit| rows.of(unit.unit_ref(dwarf)));
            }
        }
        rows.rows
    }
}

fn places(context: &Context<Metered>, address: u64) -> Vec<Place> {
    let mut places = Vec::new();
    let Ok(mut frames) = context.find_frames(address).skip_all_loads() else { return places };
    while let Ok(Some(frame)) = frames.next() {
        places.push(place(&frame));
        if places.len() == INLINED {
            break;
        }
    }
    places.retain(|place| place.function.is_some() || !place.file.is_empty());
    places
}

fn place(Frame { function, location, .. }: &Frame<'_, Metered>) -> Place {
    let function = function.as_ref().and_then(|name| name.raw_name().ok().map(|name| demangled(&name)));
    let location = location.as_ref();
    Place {
        function,
        file: location.and_then(|location| location.file).map_or_else(String::new, shown),
        line: location.and_then(|location| location.line).unwrap_or(0),
        column: location.and_then(|location| location.column).unwrap_or(0),
    }
}

/// Rows that are gathered.
struct Rows {
    code: usize,
    /// Where the programs stand that were read: units may share one.
    programs: BTreeSet<usize>,
    rows: Vec<Row>,
}

impl Rows {
    fn of(&mut self, unit: UnitRef<'_, Metered>) -> gimli::Result<()> {
        let Some(program) = unit.line_program.clone() else { return Ok(()) };
        if !self.programs.insert(program.header().offset().0) {
            return Ok(());
        }
        let mut files: HashMap<u64, Arc<str>> = HashMap::new();
        let mut before: Option<(u64, u64, u32)> = None;
        let mut rows = program.rows();
        while let Some((header, row)) = rows.next_row()? {
            if let Some((from, file, line)) = before.filter(|(from, ..)| *from < row.address()) {
                let file = files.entry(file).or_insert_with(|| path(&unit, header, file).unwrap_or_default().into());
                let code = self.code.saturating_add(from as usize)..self.code.saturating_add(row.address() as usize);
                self.rows.push(Row { code, file: Arc::clone(file), line });
                if self.rows.len() >= ROWS {
                    break;
                }
            }
            let line = row.line().and_then(|line| u32::try_from(line.get()).ok());
            before = line.filter(|_| !row.end_sequence()).map(|line| (row.address(), row.file_index(), line));
        }
        Ok(())
    }
}

/// A file's path: its directory, where that is not the unit's own, and its name.
fn path(unit: &UnitRef<'_, Metered>, header: &LineProgramHeader<Metered>, file: u64) -> Option<String> {
    let file = header.file(file)?;
    let name = unit.attr_string(file.path_name()).ok()?;
    let name = name.to_string_lossy().ok()?;
    let directory = file.directory(header).filter(|_| !name.starts_with('/'));
    let directory = directory.and_then(|directory| unit.attr_string(directory).ok());
    let directory = directory.as_ref().and_then(|directory| directory.to_string_lossy().ok()).unwrap_or_default();
    Some(shown(&if directory.is_empty() { name.into_owned() } else { format!("{directory}/{name}") }))
}
