//! Profiles as others read them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use super::profile::{Frame, Profile, Unit};

impl Profile {
    /// What people call each node: what `function` says of a module and an index, a host call by its name, a sub-VM by its mode.
    ///
    /// ```
    /// use subvm_core::Mode;
    /// use subvm_profile::Watcher;
    /// let watcher = Watcher::calls();
    /// watcher.begins(Mode::Deterministic, 10);
    /// watcher.host_begins("fd_read", 8);
    /// assert_eq!(watcher.take().names(|_, index| format!("func[{index}]")), ["(deterministic)", "fd_read (host)"]);
    /// ```
    #[must_use]
    pub fn names(&self, mut function: impl FnMut(u32, u32) -> String) -> Vec<String> {
        let mut named = alloc::collections::BTreeMap::new();
        let mut name = |frame: Frame| match frame {
            Frame::SubVm(mode) => format!("({})", mode_name(mode)),
            Frame::Host(name) => format!("{name} (host)"),
            Frame::Function { module, index } => function(module, index),
        };
        self.nodes.iter().map(|node| named.entry(node.frame).or_insert_with(|| name(node.frame)).clone()).collect()
    }

    /// A line for each frame in which most of the gas was spent by itself, largest first, `most` of them: its share of all, its ticks, its calls,
    /// and what people call it.
    ///
    /// ```
    /// use subvm_core::Mode;
    /// use subvm_profile::Watcher;
    /// let watcher = Watcher::calls();
    /// watcher.begins(Mode::Deterministic, 10);
    /// watcher.ends(1);
    /// assert_eq!(watcher.take().largest(10, |_| "setting up".into()), ["100 % 9 ticks in 1 calls of setting up"]);
    /// ```
    #[must_use]
    pub fn largest(&self, most: usize, mut name: impl FnMut(Frame) -> String) -> Vec<String> {
        let total = self.total(Unit::Ticks).max(1);
        let line = |(frame, ticks, calls)| {
            let percent = u128::from(ticks) * 100 / u128::from(total);
            format!("{percent:>3} % {ticks} ticks in {calls} calls of {}", name(frame))
        };
        self.top(Unit::Ticks, most).into_iter().map(line).collect()
    }

    /// A line for each path on which something was spent: its frames, outermost first, with semicolons between them, a space, and how much. It
    /// is what flame graphs are made of; a semicolon in a name becomes a colon.
    ///
    /// ```
    /// use subvm_core::Mode;
    /// use subvm_profile::{Unit, Watcher};
    /// let watcher = Watcher::calls();
    /// watcher.begins(Mode::Deterministic, 10);
    /// watcher.host_begins("fd_read", 8);
    /// watcher.ends(1);
    /// let profile = watcher.take();
    /// let names = profile.names(|_, _| String::new());
    /// assert_eq!(profile.folded(Unit::Ticks, &names), "(deterministic) 2\n(deterministic);fd_read (host) 7\n");
    /// ```
    #[must_use]
    pub fn folded(&self, unit: Unit, names: &[String]) -> String {
        let mut text = String::new();
        for (at, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.spent(unit) > 0) {
            let path: Vec<String> = self.path(at).map(|at| name(names, at).replace(';', ":")).collect();
            let path = path.into_iter().rev().collect::<Vec<_>>().join(";");
            // Writing to a string does not fail.
            let _ = writeln!(text, "{path} {}", node.spent(unit));
        }
        text
    }

    /// In speedscope's format (<https://www.speedscope.app/file-format-schema.json>): two profiles, of ticks and of bytes.
    ///
    /// ```
    /// use subvm_core::Mode;
    /// use subvm_profile::Watcher;
    /// let watcher = Watcher::calls();
    /// watcher.begins(Mode::Deterministic, 10);
    /// watcher.ends(1);
    /// let profile = watcher.take();
    /// let names = profile.names(|_, _| String::new());
    /// assert!(profile.speedscope("a run", &names).contains(r#""samples":[[0]],"weights":[9]"#));
    /// ```
    #[must_use]
    pub fn speedscope(&self, title: &str, names: &[String]) -> String {
        let mut frames: Vec<&str> = Vec::new();
        let mut places = alloc::collections::BTreeMap::new();
        let mut place = |at: usize| {
            let name = name(names, at);
            *places.entry(name).or_insert_with(|| {
                frames.push(name);
                frames.len() - 1
            })
        };
        let profiles = [("gas, in ticks", Unit::Ticks, "none"), ("RAM, in bytes", Unit::Bytes, "bytes")].map(
            |(title, unit, unit_name)| {
                let spent = || self.nodes.iter().enumerate().filter(|(_, node)| node.spent(unit) > 0);
                let mut samples = Vec::new();
                for (at, _) in spent() {
                    let path: Vec<String> = self.path(at).map(|at| place(at).to_string()).collect();
                    samples.push(format!("[{}]", path.into_iter().rev().collect::<Vec<_>>().join(",")));
                }
                let weights: Vec<String> = spent().map(|(_, node)| node.spent(unit).to_string()).collect();
                let (samples, weights, total) = (samples.join(","), weights.join(","), self.total(unit));
                format!(
                    r#"{{"type":"sampled","name":"{title}","unit":"{unit_name}","startValue":0,"endValue":{total},"samples":[{samples}],"weights":[{weights}]}}"#
                )
            },
        );
        let frames: Vec<String> = frames.iter().map(|name| format!(r#"{{"name":{}}}"#, json(name))).collect();
        format!(
            r#"{{"$schema":"https://www.speedscope.app/file-format-schema.json","exporter":"subvm","name":{},"activeProfileIndex":0,"shared":{{"frames":[{}]}},"profiles":[{}]}}"#,
            json(title),
            frames.join(","),
            profiles.join(",")
        )
    }

    /// A node and those that it was called from, innermost first.
    fn path(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        core::iter::successors(Some(at), |at| self.nodes.get(*at)?.parent.map(|parent| parent as usize))
    }
}

fn name(names: &[String], at: usize) -> &str {
    names.get(at).map_or("?", String::as_str)
}

fn mode_name(mode: subvm_core::Mode) -> &'static str {
    match mode {
        subvm_core::Mode::Deterministic => "deterministic",
        subvm_core::Mode::NonDeterministic => "non-deterministic",
    }
}

/// A string of JSON.
fn json(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
