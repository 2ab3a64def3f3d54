//! A judge of reviews: a page and a model, and how validators agree.
#![no_std]

use subvm_sdk::prelude::*;

#[storage]
pub struct Judge {
    verdicts: Map<String, Item<String>>,
}

#[contract]
impl Judge {
    /// All come to the same word.
    pub fn mood(&mut self, url: String) -> Result<String> {
        let mood = nondet::run(nondet::Strict, &url, |url: String| -> Result<String> {
            let review = web::get(&url)?.text()?;
            let mood = model::ask(&format!("Is this review glad or sad? One word.\n{review}"))?;
            Ok(mood.trim().to_lowercase())
        })?;
        self.verdicts.set(&url, &mood);
        Ok(mood)
    }

    /// A model says whether two summaries say the same.
    pub fn summary(&mut self, url: String) -> Result<String> {
        let same = nondet::Comparative { principle: "both name the same merits and faults" };
        nondet::run(same, &url, |url: String| model::ask(&format!("Sum it up: {}", web::get(&url)?.text()?)))
    }

    pub fn verdict(&self, url: String) -> Option<String> {
        self.verdicts.find(&url)
    }
}
