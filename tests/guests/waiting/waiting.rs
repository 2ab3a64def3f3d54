//! Waits, and asks for what plain programs ask for beside: what Rust's library makes of clocks, links and dates.
//!
//! ```text
//! waiting DIRECTORY
//! ```

use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, io, path::PathBuf, thread};

fn main() -> io::Result<()> {
    let directory = PathBuf::from(env::args_os().nth(1).expect("usage: waiting DIRECTORY"));

    let (instant, time) = (Instant::now(), SystemTime::now());
    for wait in [Duration::from_millis(1), Duration::from_secs(3600), Duration::ZERO] {
        thread::sleep(wait);
        println!("waited {wait:?}: {:?}", instant.elapsed());
    }
    println!("by the other clock: {:?}", time.elapsed().expect("time goes on"));
    thread::yield_now();

    println!("canonical {}", fs::canonicalize(directory.join("deep/../deep/./er/leaf.txt"))?.display());
    for missing in ["none", "deep/none", "none/at/all"] {
        let kind = fs::canonicalize(directory.join(missing)).map_err(|error| error.kind());
        println!("canonical {missing}: {kind:?}");
    }
    for path in ["note.txt", "deep", "none"] {
        println!("link {path}: {:?}", fs::read_link(directory.join(path)).map_err(|error| error.kind()));
    }
    let gone = [
        fs::remove_file(directory.join("none")),
        fs::remove_dir(directory.join("none")),
        fs::rename(directory.join("none"), directory.join("other")),
    ];
    println!("gone {:?}", gone.map(|result| result.map_err(|error| error.kind())));

    let metadata = fs::metadata(directory.join("note.txt"))?;
    let in_1980 = SystemTime::UNIX_EPOCH + Duration::from_secs(315_532_800);
    println!("dated {}, {}", metadata.modified()? >= in_1980, metadata.accessed()? >= in_1980);
    Ok(())
}
