//! The table as text, and what is read of it.

/// The table.
pub(crate) const PROGRAMS: &str = include_str!("programs.txt");

/// A program of the suite.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) name: String,
    /// Why it comes to something else here.
    pub(crate) why: Option<String>,
    /// Beside the program's name, which is the first.
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) steps: Vec<Step>,
    /// The lines before its steps, and what stands before those, as they are.
    pub(crate) head: String,
}

/// A call of a program.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) call: String,
    /// What the suite takes, with `/` between; nothing where the call only opens what the program would have made.
    pub(crate) accepted: Option<String>,
    /// What it comes to under `seed` and under `program`, as recorded.
    pub(crate) recorded: Vec<String>,
}

/// The programs of the table.
pub(crate) fn read(text: &str) -> Vec<Program> {
    let mut programs: Vec<Program> = vec![];
    let mut before = String::new();
    for line in text.lines() {
        let begins = ["as/", "c/", "rust/"].iter().any(|folder| line.starts_with(folder));
        if begins {
            let head = format!("{}{line}\n", std::mem::take(&mut before));
            programs.push(Program { name: line.to_owned(), head, ..Program::default() });
        } else if line.is_empty() || line.starts_with('#') {
            before += &format!("{line}\n");
        } else {
            let program = programs.last_mut().expect("a program before its lines");
            match line.split_once(' ') {
                Some(("why" | "args" | "env", said)) => {
                    program.head += &format!("{line}\n");
                    told(program, &line[..line.len() - said.len() - 1], said);
                }
                _ => program.steps.push(step(line)),
            }
        }
    }
    programs
}

fn told(program: &mut Program, what: &str, said: &str) {
    let words = said.split(' ').map(str::to_owned);
    match what {
        "why" => program.why = Some(said.to_owned()),
        "args" => program.args = words.collect(),
        _ => {
            let pair = |word: String| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
            program.env = words.map(|word| pair(word).expect("a name and a value")).collect();
        }
    }
}

fn step(line: &str) -> Step {
    if let Some(call) = line.strip_prefix("+ ") {
        return Step { call: call.to_owned(), accepted: None, recorded: vec![] };
    }
    let mut cells = line.split(" | ").map(str::to_owned);
    let call = cells.next().expect("a call");
    Step { call, accepted: Some(cells.next().expect("what the suite takes")), recorded: cells.collect() }
}
