//! Writing what was measured into `docs/benchmarks.md`: each table stands between two comments that name it.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// The document, and the directory of its pictures.
#[derive(Clone, Debug)]
pub struct Document {
    file: PathBuf,
}

impl Document {
    /// The document of the tree that this was compiled in.
    #[must_use]
    pub fn here() -> Self {
        Self { file: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmarks.md") }
    }

    /// Replaces the table of this name.
    ///
    /// # Errors
    /// Where the file cannot be read or written, or has no place for it.
    pub fn put(&self, name: &str, table: &str) -> io::Result<()> {
        let text = fs::read_to_string(&self.file)?;
        let replaced = replaced(&text, name, table)
            .ok_or_else(|| io::Error::other(format!("{} has no place for the table {name}", self.file.display())))?;
        fs::write(&self.file, replaced)
    }

    /// Writes the picture of this name.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn draw(&self, name: &str, svg: &str) -> io::Result<()> {
        let directory = self.file.with_extension("");
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(name).with_extension("svg"), svg)
    }
}

fn replaced(text: &str, name: &str, table: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- table {name} -->\n"), format!("<!-- end {name} -->"));
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{}\n\n{end}{after}", table.trim()))
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn one_table_is_replaced() {
        let text = "a\n<!-- table x -->\nold\n<!-- end x -->\nb\n<!-- table y -->\n<!-- end y -->\n";
        let expected = "a\n<!-- table x -->\n\nnew\n\n<!-- end x -->\nb\n<!-- table y -->\n<!-- end y -->\n";
        assert_eq!(replaced(text, "x", "new\n").as_deref(), Some(expected));
        assert_eq!(replaced(text, "z", "new"), None);
    }
}
