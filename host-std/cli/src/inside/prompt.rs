//! The prompt of `subvm replay --step`.

use std::io::{self, BufRead, IsTerminal};

use super::shown;
use super::{At, Range, Session};
use crate::{Failure, terminal};
use subvm_host_std::look::Looked;
use subvm_host_std::replay::{Point, Record};

const HELP: &str = "\
step [N]          N ticks forward (1,024)      back [N]          N ticks backward
next [N]          to the Nth host call on      prev [N]          to the Nth host call back
go TICK|call:N|trap                            find NAME         the next host call whose name has NAME in it
where             stack, and the last number   locals            of the innermost function
globals           memory ADDRESS,LEN           fds               storage
all               everything                   help              quit";

/// Ticks of a step: less need not come to another instruction.
const STEP: u64 = 1_024;

/// Where the prompt stands.
struct Here<'s, 'a> {
    session: &'s mut Session<'a>,
    path: Vec<u64>,
    point: Point,
    looked: Looked,
}

/// Takes commands until there are no more.
pub(super) fn run(session: &mut Session<'_>, point: Point, path: Vec<u64>) -> Result<u8, Failure> {
    let looked = session.at(&point)?;
    let mut here = Here { session, path, point, looked };
    terminal::lines(&here.stack())?;
    let mut source = Source::open()?;
    while let Some(command) = source.next()? {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            [] => {}
            ["quit" | "q" | "exit"] => break,
            _ => match here.obey(&words) {
                Ok(lines) => terminal::lines(&lines)?,
                // What was mistyped ends nothing.
                Err(Failure::Usage(text)) => terminal::err(&text),
                Err(failure) => return Err(failure),
            },
        }
    }
    Ok(0)
}

impl Here<'_, '_> {
    fn obey(&mut self, words: &[&str]) -> Result<Vec<String>, Failure> {
        let count = |default: u64| match words.get(1) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| Failure::Usage(format!("{text:?} is no number"))),
        };
        match *words {
            ["help" | "h" | "?"] => return Ok(HELP.lines().map(str::to_owned).collect()),
            ["step" | "s", ..] => self.go(self.point.ticks.saturating_add(count(STEP)?))?,
            ["back" | "b", ..] => self.go(self.ticks().saturating_sub(count(STEP)?))?,
            ["next" | "n", ..] => self.call(self.calls().saturating_add(count(1)?))?,
            ["prev" | "p", ..] => self.call(self.calls().saturating_sub(count(1)?).max(1))?,
            ["go" | "g", at] => {
                let at: At = at.parse().map_err(Failure::Usage)?;
                self.to(self.session.point(at, &self.path)?)?;
            }
            ["find" | "f", name] => return self.find(name),
            ["where" | "w"] => {}
            ["locals" | "l"] => return shown::locals(self.session, &self.looked, &self.point),
            ["all" | "a"] => return shown::machine(self.session, &self.looked, &self.point, &[]),
            ["memory" | "m"] => return Ok(self.seen(shown::memories)),
            ["memory" | "m", range] => {
                let range: Range = range.parse().map_err(Failure::Usage)?;
                return Ok(self.seen(|seen| shown::bytes(seen, &range)));
            }
            ["globals"] => return Ok(self.seen(shown::globals)),
            ["fds"] => return Ok(self.seen(shown::descriptors)),
            ["storage"] => return Ok(self.seen(shown::storage)),
            _ => return Err(Failure::Usage(format!("{:?} is no command; help lists them", words.join(" ")))),
        }
        Ok(self.stack())
    }

    fn seen(&self, show: impl Fn(&subvm_host_std::look::Seen) -> Vec<String>) -> Vec<String> {
        let lines = self.looked.stack().first().map(|seen| show(seen)).unwrap_or_default();
        if lines.is_empty() { vec!["nothing".to_owned()] } else { lines }
    }

    fn stack(&mut self) -> Vec<String> {
        let mut lines = vec![shown::place(&self.looked, &self.point)];
        for seen in self.looked.stack() {
            lines.push(format!("sub-VM:   {}", shown::dotted(&seen.path)));
            lines.extend(shown::stack(&mut self.session.names, seen));
        }
        lines
    }

    /// Host calls that have begun.
    fn calls(&self) -> u64 {
        self.looked.stack().first().map_or(0, |seen| seen.calls)
    }

    /// Ticks that are used: at the end of the sub-VM not those that were asked for.
    fn ticks(&self) -> u64 {
        self.looked.ended.last().map_or(0, |seen| seen.used()).min(self.point.ticks)
    }

    fn to(&mut self, point: Point) -> Result<(), Failure> {
        self.looked = self.session.at(&point)?;
        self.point = point;
        // At the end, backward begins there.
        self.point.ticks = self.point.ticks.min(i64::MAX as u64);
        Ok(())
    }

    fn go(&mut self, ticks: u64) -> Result<(), Failure> {
        self.to(Point { path: self.path.clone(), ticks })
    }

    fn call(&mut self, call: u64) -> Result<(), Failure> {
        self.to(self.session.point(At::Call(call), &self.path)?)
    }

    fn find(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let after = self.calls();
        let found = self.session.moment(|moment| {
            let Record::Enters(call) = &moment.record else { return false };
            moment.calls > after && call.function.name().contains(name)
        })?;
        let Some(moment) = found else {
            return Ok(vec![format!("no host call after call {after} has {name} in its name")]);
        };
        if let Some(point) = moment.point {
            self.to(point)?;
        }
        let mut lines = vec![format!("call:     {}: {}", moment.calls, moment.record)];
        lines.extend(self.stack());
        Ok(lines)
    }
}

/// Where commands come from: a line editor on a terminal, else standard input.
enum Source {
    Piped(io::Lines<io::StdinLock<'static>>),
    #[cfg(feature = "prompt")]
    Typed(Box<rustyline::DefaultEditor>),
}

impl Source {
    fn open() -> Result<Self, Failure> {
        #[cfg(feature = "prompt")]
        if io::stdin().is_terminal() {
            let editor = rustyline::DefaultEditor::new();
            let editor = editor.map_err(|error| Failure::usage("cannot read from this terminal", error))?;
            return Ok(Self::Typed(Box::new(editor)));
        }
        if io::stdin().is_terminal() {
            terminal::err("type commands; help lists them");
        }
        Ok(Self::Piped(io::stdin().lock().lines()))
    }

    fn next(&mut self) -> Result<Option<String>, Failure> {
        match self {
            Self::Piped(lines) => {
                lines.next().transpose().map_err(|error| Failure::usage("cannot read commands", error))
            }
            #[cfg(feature = "prompt")]
            Self::Typed(editor) => match editor.readline("subvm> ") {
                Ok(line) => {
                    // What cannot be remembered can be typed again.
                    let _ = editor.add_history_entry(&line);
                    Ok(Some(line))
                }
                Err(rustyline::error::ReadlineError::Eof | rustyline::error::ReadlineError::Interrupted) => Ok(None),
                Err(error) => Err(Failure::usage("cannot read commands", error)),
            },
        }
    }
}
