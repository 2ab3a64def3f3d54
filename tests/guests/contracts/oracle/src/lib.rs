//! An oracle: it asks a web page, and keeps the answer once the nodes agree on it.
#![no_std]

use subvm_sdk::prelude::*;

#[derive(Calldata, Default)]
pub struct Kept {
    answer: String,
    count: u64,
}

#[event]
pub struct Answered {
    answer: String,
}

#[storage]
pub struct Oracle {
    kept: Item<Kept>,
}

#[contract]
impl Oracle {
    pub fn ask(&mut self, url: String) -> Result<Kept> {
        let answer = nondet::run(nondet::Strict, &url, |url: String| -> Result<String> {
            Ok(web::get(&url)?.text()?.trim().into())
        })?;
        let kept = self.kept.update(|old| Kept { answer: answer.clone(), count: old.count + 1 });
        env::print(&[&url, " answered ", &*answer, "\n"].concat());
        chain::emit(&Answered { answer })?;
        Ok(kept)
    }

    pub fn get(&self) -> Kept {
        self.kept.get()
    }
}
