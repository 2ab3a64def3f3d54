//! Programs as the search sees them: a few lists of genes, any of which makes a module.

mod calls;
mod operators;
mod write;

use crate::random::Random;

/// One thing that a program does, in three numbers that say how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gene {
    pub(crate) kind: u8,
    pub(crate) how: [u8; 3],
}

/// Lists of genes: what is done in an endless loop, two functions that it may call, and what a sandbox does.
const LISTS: usize = 4;
/// Genes of a list that is made at random, and of the longest.
const FIRST: usize = 12;
const MOST: usize = 48;

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Genome {
    /// What it declares: pages, entries of a table, locals of its functions, libraries.
    pub(crate) declared: [u8; 4],
    pub(crate) lists: [Vec<Gene>; LISTS],
}

impl Gene {
    fn random(random: &mut Random) -> Self {
        Self { kind: random.byte() % write::KINDS, how: [random.byte(), random.byte(), random.byte()] }
    }
}

impl Genome {
    /// Anything.
    pub(crate) fn random(random: &mut Random) -> Self {
        let declared = [random.byte(), random.byte(), random.byte(), random.byte()];
        let lists = std::array::from_fn(|_| (0..1 + random.below(FIRST)).map(|_| Gene::random(random)).collect());
        Self { declared, lists }
    }

    /// A child of two: each list of the one up to some place, and of the other from some place on.
    pub(crate) fn crossed(&self, other: &Self, random: &mut Random) -> Self {
        let declared =
            std::array::from_fn(|at| if random.below(2) == 0 { self.declared[at] } else { other.declared[at] });
        let lists = std::array::from_fn(|list| {
            let (own, others) = (&self.lists[list], &other.lists[list]);
            let (end, start) = (random.below(own.len() + 1), random.below(others.len() + 1));
            let mut genes = [&own[..end], &others[start..]].concat();
            genes.truncate(MOST);
            genes
        });
        Self { declared, lists }
    }

    /// A few changes: of a number, of a gene, of a part of a list that is doubled, moved or dropped.
    pub(crate) fn mutate(&mut self, random: &mut Random) {
        for _ in 0..1 + random.below(4) {
            if random.below(8) == 0 {
                self.declared[random.below(4)] = random.byte();
                continue;
            }
            let genes = &mut self.lists[random.below(LISTS)];
            let at = random.below(genes.len() + 1);
            match random.below(6) {
                0 | 1 if at < genes.len() => genes[at].how[random.below(3)] = random.byte(),
                2 if at < genes.len() => genes[at] = Gene::random(random),
                3 if at < genes.len() => _ = genes.remove(at),
                4 if !genes.is_empty() => {
                    let (from, len) = (random.below(genes.len()), 1 + random.below(8));
                    let copied = genes[from..genes.len().min(from + len)].to_vec();
                    genes.splice(at..at, copied);
                }
                _ => genes.insert(at, Gene::random(random)),
            }
            genes.truncate(MOST);
        }
    }

    /// Without a part of it: what a kept case is tried without, to make it small.
    pub(crate) fn without(&self, list: usize, at: usize) -> Option<Self> {
        let mut smaller = self.clone();
        let genes = smaller.lists.get_mut(list)?;
        (at < genes.len()).then(|| genes.remove(at))?;
        Some(smaller)
    }

    /// The start module, in the text format.
    pub(crate) fn text(&self) -> String {
        write::module(self)
    }

    /// What its memory and table cost before it does anything, in ticks.
    pub(crate) fn declared_ticks(&self) -> u64 {
        write::declared_ticks(self)
    }

    /// The kinds of genes in it, one bit each: what tells one way of being dear from another.
    pub(crate) fn shape(&self) -> u64 {
        self.lists.iter().flatten().fold(0, |kinds, gene| kinds | 1 << gene.kind)
    }
}

#[cfg(test)]
mod tests {
    use subvm_lower::{Options, lower};

    use super::Genome;
    use crate::random::Random;

    #[test]
    fn whatever_genes_there_are_they_make_a_module_that_is_accepted() {
        let mut random = Random(5);
        let mut genome = Genome::random(&mut random);
        let mut longest = 0;
        for _ in 0..200 {
            let other = Genome::random(&mut random);
            genome = genome.crossed(&other, &mut random);
            genome.mutate(&mut random);
            let text = genome.text();
            let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            lower(&wasm, &Options::default()).unwrap_or_else(|error| panic!("{error}\n{text}"));
            longest = longest.max(genome.lists.iter().map(Vec::len).sum());
        }
        assert!(longest > 40, "lists grow: {longest}");
    }
}
