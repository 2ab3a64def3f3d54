//! Two recordings, or two receipts, side by side: where they differ first, and what of it.

mod receipts;
mod recordings;
mod what;

pub use receipts::{Change, receipts};
pub use recordings::{Comparison, Divergence, Side, Spot, recordings};
pub use what::What;
