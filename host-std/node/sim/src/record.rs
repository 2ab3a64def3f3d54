//! A long run in pieces, written down as they end, so that one that was stopped goes on where it was.
//!
//! A line has the first seed and the one after the last, what was built, heights, seconds of all threads, the digest, and the seeds that broke
//! something, or a dash.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

/// A piece of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// What was built: a commit's name.
    pub(crate) built: String,
    pub(crate) heights: u64,
    pub(crate) seconds: f64,
    pub(crate) digest: [u8; 32],
    pub(crate) broken: Vec<u64>,
}

impl Piece {
    fn line(&self) -> String {
        let Self { from, to, built, heights, seconds, .. } = self;
        let broken: Vec<String> = self.broken.iter().map(u64::to_string).collect();
        let broken = if broken.is_empty() { "-".to_owned() } else { broken.join(",") };
        format!("{from} {to} {built} {heights} {seconds:.1} {} {broken}", hex(&self.digest))
    }

    fn of(line: &str) -> Option<Self> {
        let [from, to, built, heights, seconds, digest, broken] =
            line.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let bytes: Option<Vec<u8>> =
            (0..32).map(|at| u8::from_str_radix(digest.get(2 * at..2 * at + 2)?, 16).ok()).collect();
        let broken = match broken {
            "-" => Vec::new(),
            some => some.split(',').map(|seed| seed.parse().ok()).collect::<Option<_>>()?,
        };
        Some(Self {
            from: from.parse().ok()?,
            to: to.parse().ok()?,
            built: built.into(),
            heights: heights.parse().ok()?,
            seconds: seconds.parse().ok()?,
            digest: bytes?.try_into().ok()?,
            broken,
        })
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file of a long run.
pub(crate) struct Record {
    file: File,
    pub(crate) pieces: Vec<Piece>,
}

impl Record {
    /// Opens it, or makes it. A last line that a process which was killed did not end is cut off.
    ///
    /// # Errors
    /// Where it cannot be read, and where it has another line than one of these.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let (mut reader, mut pieces, mut whole, mut line) = (BufReader::new(&file), Vec::new(), 0, String::new());
        while reader.read_line(&mut line)? > 0 && line.ends_with('\n') {
            let piece = Piece::of(line.trim_end());
            pieces.push(piece.ok_or_else(|| {
                io::Error::other(format!("{}: the line «{}» is no piece of a run", path.display(), line.trim_end()))
            })?);
            whole += line.len() as u64;
            line.clear();
        }
        file.set_len(whole)?;
        Ok(Self { file, pieces })
    }

    /// Keeps a piece.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn keep(&mut self, piece: Piece) -> io::Result<()> {
        self.file.write_all(format!("{}\n", piece.line()).as_bytes())?;
        self.pieces.push(piece);
        Ok(())
    }

    /// The first seed from one on that no piece has.
    pub(crate) fn next(&self, from: u64) -> u64 {
        let mut next = from;
        while let Some(piece) = self.pieces.iter().find(|piece| (piece.from..piece.to).contains(&next)) {
            next = piece.to;
        }
        next
    }

    /// What all pieces came to.
    pub(crate) fn said(&self) -> String {
        let sum = |of: fn(&Piece) -> u64| self.pieces.iter().map(of).sum::<u64>();
        let mut built: Vec<&str> = self.pieces.iter().map(|piece| piece.built.as_str()).collect();
        built.sort_unstable();
        built.dedup();
        let mut digest = [0; 32];
        for piece in &self.pieces {
            digest.iter_mut().zip(piece.digest).for_each(|(sum, one)| *sum ^= one);
        }
        let broken: Vec<u64> = self.pieces.iter().flat_map(|piece| piece.broken.iter().copied()).collect();
        format!(
            "recorded: {} seeds, {} heights, {:.0} minutes, built from {}, digest {}, broken {broken:?}",
            sum(|piece| piece.to - piece.from),
            sum(|piece| piece.heights),
            self.pieces.iter().map(|piece| piece.seconds).sum::<f64>() / 60.0,
            built.join(" "),
            hex(&digest),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_was_stopped_goes_on_where_it_was() {
        let path = std::env::temp_dir().join(format!("subvm-sim-{}", std::process::id()));
        let piece = |from, broken: &[u64]| Piece {
            from,
            to: from + 50,
            built: "abc".into(),
            heights: 7,
            seconds: 30.0,
            digest: [from as u8; 32],
            broken: broken.to_vec(),
        };
        let mut record = Record::open(&path).expect("opens");
        record.keep(piece(0, &[])).expect("writes");
        record.keep(piece(50, &[60, 61])).expect("writes");
        record.file.write_all(b"100 150 ab").expect("writes");
        let record = Record::open(&path).expect("opens");
        assert_eq!(record.pieces, [piece(0, &[]), piece(50, &[60, 61])]);
        assert_eq!((record.next(0), record.next(60), record.next(200)), (100, 100, 200));
        assert!(record.said().contains("100 seeds, 14 heights, 1 minutes"), "{}", record.said());
        assert!(record.said().ends_with("broken [60, 61]"), "{}", record.said());
        assert_eq!(Record::open(&path).expect("opens").pieces.len(), 2, "what was cut stays cut");
        std::fs::write(&path, "nonsense\n").expect("writes");
        assert!(Record::open(&path).is_err());
        std::fs::remove_file(&path).expect("removes");
    }
}
