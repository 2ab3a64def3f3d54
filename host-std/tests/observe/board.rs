//! The board for Grafana, `docs/grafana/subvm.json`, asks for what is there, and for all of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use subvm_host_std::observe::names::{Kind, METRICS, Metric};

const BOARD: &str = include_str!("../../../docs/grafana/subvm.json");

/// Metrics that no panel shows, and why.
const LEFT_OUT: &[(&str, &str)] = &[];

/// Labels that the server that gathers figures adds, and one of each summary.
const ADDED: [&str; 1] = ["instance"];

fn panels() -> Vec<Value> {
    let board: Value = serde_json::from_str(BOARD).expect("the board is JSON");
    board["panels"].as_array().expect("it has panels").clone()
}

/// What is asked of the server: each expression, with the title of its panel.
fn expressions() -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |panel: &Value| {
        let title = text(&panel["title"]);
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.iter().map(|target| (title.clone(), text(&target["expr"]))).collect::<Vec<_>>()
    };
    panels().iter().flat_map(of).collect()
}

fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

/// The names of metrics in an expression, each with the labels that it chooses by.
fn asked(expression: &str) -> Vec<(String, BTreeSet<String>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find("subvm_") {
        let named = &rest[at..];
        let end = named.find(|c| !is_name(c)).unwrap_or(named.len());
        let after = &named[end..];
        let chosen = after.strip_prefix('{').and_then(|after| after.split_once('}')).map_or("", |(chosen, _)| chosen);
        let labels = chosen.split(',').filter_map(|one| one.split(['=', '!']).next());
        let labels = labels.map(|label| label.trim().to_owned()).filter(|label| !label.is_empty());
        found.push((named[..end].to_owned(), labels.collect()));
        rest = after;
    }
    found
}

/// The labels by which an expression groups.
fn grouped(expression: &str) -> BTreeSet<String> {
    let groups = expression.split(" by (").skip(1).filter_map(|after| after.split(')').next());
    groups.flat_map(|group| group.split(',')).map(|label| label.trim().to_owned()).collect()
}

#[test]
fn every_metric_that_the_board_names_is_told_with_its_labels() {
    let expressions = expressions();
    assert!(expressions.len() > 20, "the board has panels");
    for (title, expression) in &expressions {
        let asked = asked(expression);
        assert!(!asked.is_empty(), "{title}: {expression} asks for none of subvm's metrics");
        for (name, chosen) in &asked {
            let metric = metric(name).unwrap_or_else(|| panic!("{title}: there is no metric {name}"));
            // Exporters without buckets tell a distribution by its quantiles.
            let is_summary = metric.kind == Kind::Histogram;
            let known = |label: &String| {
                metric.labels.contains(&&**label) || ADDED.contains(&&**label) || is_summary && label == "quantile"
            };
            for label in chosen.iter().chain(&grouped(expression)) {
                assert!(known(label), "{title}: {name} has no label {label}");
            }
            assert_eq!(is_summary, chosen.contains("quantile"), "{title}: {expression}");
            assert!(chosen.contains("instance"), "{title}: it ignores which node was chosen");
            let counted =
                expression.contains("rate(") || expression.contains("increase(") || name == "subvm_pool_panics_total";
            assert_eq!(
                metric.kind == Kind::Counter,
                counted,
                "{title}: a counter, and nothing else, is shown by its rate"
            );
        }
    }
}

#[test]
fn every_metric_is_on_the_board_or_is_left_out_by_name() {
    let shown: BTreeSet<String> =
        expressions().iter().flat_map(|(_, expression)| asked(expression)).map(|(name, _)| name).collect();
    let left_out: BTreeMap<&str, &str> = LEFT_OUT.iter().copied().collect();
    for Metric { name, .. } in METRICS {
        assert!(
            shown.contains(*name) != left_out.contains_key(name),
            "{name}: put it on the board, or say in LEFT_OUT why it is not there"
        );
    }
    assert!(left_out.keys().all(|name| metric(name).is_some()), "{left_out:?} names what is no metric");
}

#[test]
fn panels_stand_beside_each_other_and_say_what_they_are() {
    let panels = panels();
    let number = |panel: &Value, key: &str| panel["gridPos"][key].as_u64().expect("a place");
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in &panels {
        assert!(ids.insert(panel["id"].as_u64()), "two panels have the number {}", panel["id"]);
        assert!(panel["title"].as_str().is_some_and(|title| !title.is_empty()), "{panel}");
        if panel["type"] != "row" {
            assert!(panel["description"].as_str().is_some_and(|text| !text.is_empty()), "{panel}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "the source is the operator's");
        }
        let (x, y, w, h) = (number(panel, "x"), number(panel, "y"), number(panel, "w"), number(panel, "h"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{panel}");
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{}: another panel stands there", panel["title"]);
        }
    }
}

/// The checks above notice what they are for.
#[test]
fn what_is_asked_is_found_in_an_expression() {
    let expression = "topk(3, sum by (a, b) (rate(subvm_x_total{instance=~\"$instance\",a!=\"r\"}[5m]))) / subvm_y";
    let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let expected = [("subvm_x_total".to_owned(), labels(&["instance", "a"])), ("subvm_y".to_owned(), labels(&[]))];
    assert_eq!(asked(expression), expected);
    assert_eq!(grouped(expression), labels(&["a", "b"]));
}
