//! Blocks that arrive in parts, from peers that may send anything: parts are not signed, so that what is kept of them is bounded by peer and
//! in all.

use std::collections::{BTreeMap, VecDeque};

use arc_malachitebft_app_channel::app::streaming::StreamContent;
use arc_malachitebft_app_channel::app::types::PeerId;
use arc_malachitebft_app_channel::app::types::streaming::{StreamId, StreamMessage};
use subvm_bft::Part;

/// Bytes of one part, when this node cuts a block.
pub(crate) const PART: usize = 128 << 10;
/// Bytes of a part, at least, but for the last one: what bounds the number of parts.
const LEAST: usize = 1 << 10;
/// Streams of one peer that are not whole yet: a new one pushes its oldest out.
const STREAMS: usize = 4;
/// Peers whose streams are kept.
const PEERS: usize = 128;
/// Bytes of a stream's name.
const NAME: usize = 64;

#[derive(Default)]
struct Assembly {
    parts: BTreeMap<u64, Part>,
    /// How many parts there are, once that is known.
    count: Option<u64>,
    bytes: usize,
}

/// What is being put together.
pub(crate) struct Streams {
    /// Bytes of a whole block.
    most: usize,
    peers: BTreeMap<Vec<u8>, VecDeque<(StreamId, Assembly)>>,
}

/// Why a part was thrown away, with all of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// The block, or a name, is too long.
    TooLong,
    /// Parts of different blocks, or more of them than were announced.
    Mixed,
    /// Too many peers.
    Peers,
}

impl Streams {
    /// For blocks of so many bytes at most.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, peers: BTreeMap::new() }
    }

    /// Takes one part in. Gives the first part's labels and the whole block, where this was what it lacked.
    pub(crate) fn take(
        &mut self,
        from: PeerId,
        message: StreamMessage<Part>,
    ) -> Result<Option<(Part, Vec<u8>)>, Dropped> {
        let StreamMessage { stream_id, sequence, content } = message;
        if stream_id.to_bytes().len() > NAME || sequence > (self.most / LEAST + 1) as u64 {
            return Err(Dropped::TooLong);
        }
        let peer = from.to_bytes();
        if !self.peers.contains_key(&peer) && self.peers.len() >= PEERS {
            return Err(Dropped::Peers);
        }
        let streams = self.peers.entry(peer.clone()).or_default();
        let at = match streams.iter().position(|(id, _)| *id == stream_id) {
            Some(at) => at,
            None => {
                if streams.len() >= STREAMS {
                    streams.pop_front();
                }
                streams.push_back((stream_id, Assembly::default()));
                streams.len() - 1
            }
        };
        let added = streams[at].1.add(sequence, content, self.most);
        let done = !matches!(added, Ok(false));
        let ended = done.then(|| streams.remove(at)).flatten();
        if streams.is_empty() {
            self.peers.remove(&peer);
        }
        added?;
        Ok(ended.and_then(|(_, assembly)| assembly.join()))
    }
}

impl Assembly {
    /// Whether it is whole now.
    fn add(&mut self, sequence: u64, content: StreamContent<Part>, most: usize) -> Result<bool, Dropped> {
        match content {
            StreamContent::Fin => self.count = Some(sequence),
            StreamContent::Data(part) => {
                let same = |other: &Part| {
                    (other.height, other.round, other.pol_round, other.proposer)
                        == (part.height, part.round, part.pol_round, part.proposer)
                };
                if !self.parts.values().next().is_none_or(same) {
                    return Err(Dropped::Mixed);
                }
                let len = part.bytes.len();
                if self.bytes + len > most {
                    return Err(Dropped::TooLong);
                }
                match self.parts.get(&sequence) {
                    Some(had) if *had != part => return Err(Dropped::Mixed),
                    Some(_) => {}
                    None => {
                        self.bytes += len;
                        self.parts.insert(sequence, part);
                    }
                }
            }
        }
        let Some(count) = self.count else { return Ok(false) };
        match self.parts.last_key_value() {
            Some((last, _)) if *last >= count => Err(Dropped::Mixed),
            _ => Ok(self.parts.len() as u64 == count),
        }
    }

    fn join(self) -> Option<(Part, Vec<u8>)> {
        let mut bytes = Vec::with_capacity(self.bytes);
        self.parts.values().for_each(|part| bytes.extend_from_slice(&part.bytes));
        let (_, first) = self.parts.into_iter().next()?;
        Some((first, bytes))
    }
}

#[cfg(test)]
mod tests {
    use arc_malachitebft_app_channel::app::types::Keypair;
    use arc_malachitebft_app_channel::app::types::core::Round;
    use bytes::Bytes;
    use subvm_bft::{Addr, H};

    use super::*;

    const BLOCK: usize = 1 << 20;

    fn of_seed(seed: u8) -> PeerId {
        let key = Keypair::ed25519_from_bytes(&mut [seed; 32]).expect("a key");
        PeerId::from_bytes(&key.public().to_peer_id().to_bytes()).expect("its name")
    }

    fn part(height: u64, bytes: &[u8]) -> StreamContent<Part> {
        StreamContent::Data(Part {
            height: H(height),
            round: Round::new(0),
            pol_round: Round::Nil,
            proposer: Addr([1; 20]),
            first: false,
            last: false,
            bytes: bytes.to_vec(),
        })
    }

    fn message(name: &str, sequence: u64, content: StreamContent<Part>) -> StreamMessage<Part> {
        StreamMessage::new(StreamId::new(Bytes::copy_from_slice(name.as_bytes())), sequence, content)
    }

    #[test]
    fn parts_come_in_any_order_and_more_than_once() {
        let (mut streams, peer) = (Streams::new(BLOCK), of_seed(0));
        let mut take = |sequence, content| streams.take(peer, message("a", sequence, content));
        assert_eq!(take(2, StreamContent::Fin), Ok(None));
        assert_eq!(take(1, part(1, b"cd")), Ok(None));
        assert_eq!(take(1, part(1, b"cd")), Ok(None));
        let whole = take(0, part(1, b"ab")).expect("fits").expect("is whole");
        assert_eq!(whole.1, b"abcd");
        assert!(streams.peers.is_empty());
    }

    #[test]
    fn what_cannot_become_a_block_is_thrown_away_whole() {
        let (mut streams, peer) = (Streams::new(BLOCK), of_seed(0));
        let mut take = |sequence, content| streams.take(peer, message("a", sequence, content));
        assert_eq!(take(0, part(1, b"ab")), Ok(None));
        assert_eq!(take(1, part(2, b"cd")), Err(Dropped::Mixed), "another block's");
        assert_eq!(take(5, part(1, b"ab")), Ok(None));
        assert_eq!(take(2, StreamContent::Fin), Err(Dropped::Mixed), "more than announced");
        assert_eq!(take(0, part(1, &vec![0; BLOCK])), Ok(None));
        assert_eq!(take(1, part(1, b"a")), Err(Dropped::TooLong));
        assert_eq!(take(u64::MAX, part(1, b"a")), Err(Dropped::TooLong));
        assert_eq!(streams.take(peer, message(&"n".repeat(65), 0, part(1, b"a"))), Err(Dropped::TooLong));
        assert!(streams.peers.is_empty());
    }

    #[test]
    fn a_peer_that_begins_and_never_ends_holds_little() {
        let (mut streams, peer) = (Streams::new(BLOCK), of_seed(0));
        for name in 0..1_000 {
            streams.take(peer, message(&name.to_string(), 0, part(1, b"ab"))).expect("is taken");
        }
        assert_eq!(streams.peers.values().map(VecDeque::len).sum::<usize>(), STREAMS);
        for other in 1..2 * PEERS {
            let _ = streams.take(of_seed(other as u8), message("a", 0, part(1, b"ab")));
        }
        assert_eq!(streams.peers.len(), PEERS);
    }
}
