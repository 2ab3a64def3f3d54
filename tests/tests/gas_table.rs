//! The price table of `docs/spec/gas.md` is the one in the code.
//!
//! `SUBVM_RECORD=1 cargo test --workspace --test gas_table` writes it anew. A changed price is a new version of the schedule.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use subvm_core::costs::calls::{Amount, INSTANCE_BYTES_INCLUDED, PRICES, RATES, RESULT_BYTES_INCLUDED};
use subvm_core::costs::instructions::{
    BULK_BYTES_SHIFT, Class, FRAME_UNITS_PER_PRICE, LOCALS_INCLUDED, LOCALS_PER_PRICE, Schedule, VALUES_INCLUDED,
};
use subvm_core::{SCHEDULE_VERSION, sdk, wasi};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/spec/gas.md");
const START: &str = "<!-- The rest is written by the test gas_table. -->\n";

#[test]
fn the_page_has_the_prices_of_the_code() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (text, recorded) = page.split_once(START).expect("the page says where the table begins");
    let table = table();
    if std::env::var_os("SUBVM_RECORD").is_some() {
        fs::write(PAGE, format!("{text}{START}{table}")).unwrap();
    } else {
        assert!(recorded == table, "docs/spec/gas.md has other prices than core/src/costs; they should be\n{table}");
    }
}

/// What the table says stands for a count in the code.
#[test]
fn the_units_that_the_table_names_are_those_of_the_code() {
    assert!(Class::EntryFrame.what().contains(&format!("{FRAME_UNITS_PER_PRICE} units")));
    let locals = Class::EntryLocals.what();
    assert!(
        locals.contains(&format!("{LOCALS_PER_PRICE} slots")) && locals.contains(&format!("first {LOCALS_INCLUDED}"))
    );
    assert_eq!(VALUES_INCLUDED, 8);
    assert!(Class::Value.what().contains("beyond eight"));
    let per_byte = PRICES.iter().find(|price| price.name == "INSTANCE_BYTE").unwrap();
    assert!(per_byte.what.contains("16,384") && INSTANCE_BYTES_INCLUDED == 16_384);
    let per_byte = PRICES.iter().find(|price| price.name == "RESULT_BYTE").unwrap();
    assert!(per_byte.what.contains("1,024") && RESULT_BYTES_INCLUDED == 1024);
    assert!(Class::BulkBytes.what().contains(&format!("{} bytes", 1 << BULK_BYTES_SHIFT)));
    assert_eq!(Schedule::V1.version(), SCHEDULE_VERSION);
}

fn table() -> String {
    let mut table = format!("\n## Schedule, version {SCHEDULE_VERSION}\n\nInstructions:\n\n");
    let rows = Class::ALL
        .iter()
        .map(|class| [class.name().into(), Schedule::V1.ticks(*class).to_string(), class.what().into()]);
    rows_of(&mut table, ["class", "ticks", "for each"], rows);
    table.push_str("\nHost calls, the base of each function:\n\n");
    rows_of(&mut table, ["ticks", "functions", ""], bases());
    table.push_str("\nHost calls, and starting sub-VMs, beside the base:\n\n");
    let parts = PRICES.iter().filter(|price| !price.what.trim_start().starts_with("Base of"));
    rows_of(&mut table, ["price", "ticks", "for"], parts.map(row));
    table.push('\n');
    rows_of(&mut table, ["rate", "bytes a tick", "for"], RATES.iter().map(row));
    table
}

fn row(amount: &Amount) -> [String; 3] {
    [amount.name.to_lowercase(), amount.amount.to_string(), amount.what.into()]
}

/// The functions of each base price, cheapest first, in the order of their interfaces.
fn bases() -> impl Iterator<Item = [String; 3]> {
    let mut functions: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let wasi = wasi::FUNCTIONS.iter().map(|function| (Schedule::V1.call(function.base), function.name));
    for (base, name) in
        wasi.chain(sdk::FUNCTIONS.iter().map(|function| (Schedule::V1.call(function.price), function.name)))
    {
        functions.entry(base).or_default().push(format!("`{name}`"));
    }
    functions.into_iter().map(|(base, names)| [base.to_string(), names.join(", "), String::new()])
}

/// A table of three columns; of two, where the third has no heading.
fn rows_of(table: &mut String, heading: [&str; 3], rows: impl Iterator<Item = [String; 3]>) {
    let columns = if heading[2].is_empty() { 2 } else { 3 };
    let mut line = |cells: &[&str]| writeln!(table, "| {} |", cells[..columns].join(" | ")).expect("text grows");
    line(&heading);
    line(&["---"; 3]);
    for [first, second, third] in rows {
        line(&[&first, &second, third.trim().trim_end_matches('.')]);
    }
}
