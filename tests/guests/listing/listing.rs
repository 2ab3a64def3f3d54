//! Lists a directory, sorted, and copies each of its files to standard output: what Rust's library makes of a file
//! tree.
//!
//! ```text
//! listing DIRECTORY
//! ```

use std::{env, fs, io, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let Some(directory) = env::args_os().nth(1) else {
        eprintln!("usage: listing DIRECTORY");
        return ExitCode::from(2);
    };
    match list(directory.into()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn list(directory: PathBuf) -> io::Result<()> {
    let mut paths = fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let metadata = fs::metadata(&path)?;
        if metadata.is_dir() {
            println!("{}/", path.display());
            continue;
        }
        println!("{} {}", path.display(), metadata.len());
        for line in fs::read_to_string(&path)?.lines() {
            println!("| {line}");
        }
    }
    Ok(())
}
