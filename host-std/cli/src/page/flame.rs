//! Where time gas went: a flame graph, and the same as a table.

use super::html::{Page, escape};
use subvm_host_std::profile::{Frame, Profile, Unit};
use subvm_host_std::symbols::Symbols;

/// Rows of the graph, its width, the height of a row, and the narrowest bar, in units of the picture.
const DEPTH: usize = 48;
const WIDTH: f64 = 1_200.0;
const ROW: f64 = 18.0;
const NARROWEST: f64 = 1.0;
/// Bars at most.
const BARS: usize = 4_000;
/// Rows of the table.
const TOP: usize = 25;
/// What a character of a label takes.
const CHARACTER: f64 = 6.7;

/// Writes the graph.
pub(super) fn write(page: &mut Page, profile: &Profile) {
    let symbols: Vec<Symbols> = profile.modules().iter().map(|module| Symbols::read(&module.wasm)).collect();
    let function = |module: u32, index: u32| {
        symbols.get(module as usize).map_or_else(|| format!("func[{index}]"), |symbols| symbols.name(index))
    };
    let names = profile.names(function);
    page.section("gas", "Where time gas went");
    let total = profile.total(Unit::Ticks);
    page.say(&format!("{total} ticks in all. Callers stand above what they call; the table below says the same."));
    graph(page, profile, &names, total);
    let name = |frame: Frame| {
        let at = profile.nodes().iter().position(|node| node.frame == frame);
        at.and_then(|at| names.get(at)).cloned().unwrap_or_default()
    };
    let share = |ticks: u64| format!("{:.1} %", 100.0 * ticks as f64 / total.max(1) as f64);
    let rows = profile.top(Unit::Ticks, TOP).into_iter();
    let rows = rows.map(|(frame, ticks, calls)| vec![name(frame), ticks.to_string(), share(ticks), calls.to_string()]);
    page.table("Functions by what they used themselves", &["Function", "Ticks", "Share", "Calls"], rows);
    page.end();
}

/// A bar for each path of calls, below that of its caller, as wide as what was used in it and below it.
fn graph(page: &mut Page, profile: &Profile, names: &[String], total: u64) {
    let nodes = profile.nodes();
    // Children stand behind their parents.
    let mut whole: Vec<u64> = nodes.iter().map(|node| node.spent(Unit::Ticks)).collect();
    for (index, node) in nodes.iter().enumerate().rev() {
        if let Some(parent) = node.parent {
            let spent = whole.get(index).copied().unwrap_or(0);
            whole.get_mut(parent as usize).into_iter().for_each(|whole| *whole += spent);
        }
    }
    let (mut bars, mut deepest) = (String::new(), 0);
    // Where each begins, and where its next child does.
    let mut places: Vec<(usize, f64, f64)> = Vec::with_capacity(nodes.len());
    let (mut next, mut drawn) = (0.0, 0);
    for (index, node) in nodes.iter().enumerate() {
        let spent = whole.get(index).copied().unwrap_or(0);
        let width = WIDTH * spent as f64 / total.max(1) as f64;
        let (depth, from) = match node.parent.and_then(|parent| places.get_mut(parent as usize)) {
            Some((depth, _, next)) => {
                let from = *next;
                *next += width;
                (*depth + 1, from)
            }
            None => {
                let from = next;
                next += width;
                (0, from)
            }
        };
        places.push((depth, from, from));
        if width < NARROWEST || depth >= DEPTH || drawn >= BARS {
            continue;
        }
        drawn += 1;
        deepest = deepest.max(depth + 1);
        let name = names.get(index).map(String::as_str).unwrap_or_default();
        let class = if let Frame::Host(_) = node.frame { "h" } else { "f" };
        let (x, y, letters) = (from, depth as f64 * ROW, (width / CHARACTER) as usize);
        let label: String = if letters > 3 { name.chars().take(letters - 1).collect() } else { String::new() };
        bars.push_str(&format!(
            "<g><title>{}: {spent} ticks</title><rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"{ROW:.0}\"/>\
            <text x=\"{:.1}\" y=\"{:.0}\">{}</text></g>\n",
            escape(name), x + 3.0, y + 13.0, escape(&label)
        ));
    }
    let height = deepest as f64 * ROW;
    page.raw(&format!("<svg viewBox=\"0 0 {WIDTH:.0} {height:.0}\" role=\"img\" aria-label=\"Flame graph of time gas; the table below says the same\">\n{bars}</svg>\n"));
}
