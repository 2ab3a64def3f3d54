//! A recorder that remembers, and one that panics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use subvm_host_std::observe::names::{Kind, METRICS};

/// Sums by name and labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(Arc<Mutex<Sums>>);

/// The kind and sum of each figure.
type Sums = BTreeMap<String, (Option<Kind>, f64)>;

struct Figure {
    name: String,
    kind: Kind,
    figures: Figures,
}

impl Figure {
    fn add(&self, value: f64) {
        let mut figures = self.figures.0.lock().unwrap();
        let figure = figures.entry(self.name.clone()).or_default();
        *figure = (Some(self.kind), figure.1 + value);
    }
}

impl CounterFn for Figure {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }

    fn absolute(&self, _: u64) {
        panic!("nothing is counted absolutely");
    }
}

impl GaugeFn for Figure {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, value: f64) {
        let mut figures = self.figures.0.lock().unwrap();
        figures.insert(self.name.clone(), (Some(self.kind), value));
    }
}

impl HistogramFn for Figure {
    fn record(&self, value: f64) {
        self.add(value);
    }
}

impl Figures {
    /// The sum under a name with labels.
    pub(crate) fn value(&self, name: &str) -> f64 {
        let figures = self.0.lock().unwrap();
        figures.get(name).unwrap_or_else(|| panic!("{name} is not in {figures:#?}")).1
    }

    /// The sum under a name, whatever the labels.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let figures = self.0.lock().unwrap();
        figures.iter().filter(|(figure, _)| figure.split('{').next() == Some(name)).map(|(_, (_, value))| value).sum()
    }

    /// Whether the list says so of each: its name, its kind, its labels.
    pub(crate) fn are_all_listed(&self) {
        for (name, (kind, _)) in &*self.0.lock().unwrap() {
            let (name, labels) = name.trim_end_matches('}').split_once('{').unwrap();
            let labels: Vec<&str> =
                labels.split(',').filter_map(|label| label.split_once('=')).map(|(label, _)| label).collect();
            let listed = METRICS.iter().find(|metric| metric.name == name);
            let listed = listed.unwrap_or_else(|| panic!("{name} is not listed"));
            assert_eq!((listed.labels, Some(listed.kind)), (&labels[..], *kind), "{name}");
        }
    }

    fn figure(&self, key: &Key, kind: Kind) -> Arc<Figure> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::new(Figure { name, kind, figures: self.clone() })
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.figure(key, Kind::Counter))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.figure(key, Kind::Gauge))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.figure(key, Kind::Histogram))
    }
}

/// Where a recorder panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// When it is asked for a counter.
    Registering,
    /// When it is given a figure.
    Counting,
}

impl CounterFn for Broken {
    fn increment(&self, _: u64) {
        panic!("counting panics on purpose");
    }

    fn absolute(&self, _: u64) {
        panic!("counting panics on purpose");
    }
}

impl GaugeFn for Broken {
    fn increment(&self, _: f64) {
        panic!("measuring panics on purpose");
    }

    fn decrement(&self, _: f64) {
        panic!("measuring panics on purpose");
    }

    fn set(&self, _: f64) {
        panic!("measuring panics on purpose");
    }
}

impl HistogramFn for Broken {
    fn record(&self, _: f64) {
        panic!("recording panics on purpose");
    }
}

impl Broken {
    fn figure(self) -> Arc<Self> {
        assert_eq!(self, Self::Counting, "registering panics on purpose");
        Arc::new(self)
    }
}

impl Recorder for Broken {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("describing panics on purpose");
    }

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("describing panics on purpose");
    }

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("describing panics on purpose");
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.figure())
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.figure())
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.figure())
    }
}
