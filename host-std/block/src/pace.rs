//! How far ahead of what is settled transactions are begun: as far as it pays. Nothing in it decides a result.

/// Transactions that are run alone at first, where running ahead did not pay.
const FIRST_PAUSE: u32 = 16;
/// And at most, where it never does: one of so many tries again.
const LONGEST_PAUSE: u32 = 1_024;

/// The window grows by one for each attempt that was worth it, and is halved for each that was not. Where it is nothing, transactions are run
/// one after the other for a while, then one is tried; each trial that fails doubles the while.
#[derive(Debug)]
pub(crate) struct Pace {
    most: usize,
    ahead: usize,
    /// Transactions that are still to be run alone.
    alone: u32,
    pause: u32,
}

impl Pace {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, ahead: most, alone: 0, pause: FIRST_PAUSE }
    }

    /// Transactions beyond the lowest that is not settled which may be begun.
    pub(crate) fn ahead(&self) -> usize {
        if self.alone > 0 { 0 } else { self.ahead }
    }

    /// A transaction was run on the settled state.
    pub(crate) fn settled(&mut self) {
        if self.alone > 0 {
            self.alone -= 1;
            self.ahead = self.most.min(1);
        }
    }

    /// An attempt ahead was right, and waited for nobody.
    pub(crate) fn paid(&mut self) {
        if self.alone == 0 {
            self.ahead = self.most.min(self.ahead + 1);
            // One that came late has had nothing to lose: only several in a row say that the block has changed.
            if self.ahead == self.most {
                self.pause = FIRST_PAUSE;
            }
        }
    }

    /// An attempt ahead was wrong, or waited for one before it.
    pub(crate) fn cost(&mut self) {
        if self.alone > 0 {
            return;
        }
        self.ahead /= 2;
        if self.ahead == 0 {
            self.alone = self.pause;
            self.pause = LONGEST_PAUSE.min(self.pause * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pays_goes_on_and_what_does_not_is_tried_ever_more_seldom() {
        let mut pace = Pace::new(8);
        (0..3).for_each(|_| pace.cost());
        assert_eq!(pace.ahead(), 1);
        let mut tried = 0;
        for _ in 0..10_000 {
            if pace.ahead() > 0 {
                pace.cost();
                tried += 1;
            }
            pace.settled();
        }
        assert!((8..20).contains(&tried), "{tried} of 10,000");
        while pace.ahead() == 0 {
            pace.settled();
        }
        (0..100).for_each(|_| pace.paid());
        assert_eq!(pace.ahead(), 8);
    }

    #[test]
    fn a_tenth_that_fails_keeps_it_ahead() {
        let mut pace = Pace::new(8);
        for number in 0..1_000 {
            if number % 10 == 9 {
                pace.cost()
            } else {
                pace.paid()
            }
            assert!(pace.ahead() >= 4);
        }
    }

    /// Where all conflict, an attempt that began when the one before it was as good as done is right now and then.
    #[test]
    fn a_little_luck_changes_nothing() {
        let mut pace = Pace::new(8);
        let mut tried = 0;
        for number in 0..10_000 {
            if pace.ahead() > 0 {
                if number % 3 == 0 {
                    pace.paid()
                } else {
                    pace.cost()
                }
                tried += 1;
            }
            pace.settled();
        }
        assert!(tried < 100, "{tried} of 10,000");
    }

    #[test]
    fn none_ahead_stays_none() {
        let mut pace = Pace::new(0);
        for _ in 0..100 {
            pace.settled();
            pace.paid();
            assert_eq!(pace.ahead(), 0);
        }
    }
}
