//! Bytes of what goes over the network and into the log of consensus: Borsh where Malachite has it, by hand where it has not.

use arc_malachitebft_app_channel::app::types::codec::{Codec, HasEncodedLen};
use arc_malachitebft_app_channel::app::types::core::{
    ExtendedCommitCertificate, ExtendedCommitSignature, PolkaCertificate, Round, SignedMessage, ValidatorProof,
};
use arc_malachitebft_app_channel::app::types::streaming::StreamMessage;
use arc_malachitebft_app_channel::app::types::sync::{RawDecidedValue, Request, Response, Status};
use arc_malachitebft_app_channel::app::types::{ProposedValue, SignedConsensusMsg};
use arc_malachitebft_core_consensus::LivenessMsg;
use arc_malachitebft_sync::ValueResponse;
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use subvm_bft::{Addr, Ctx, H, Id, Part, Sig};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire;
type Io = std::io::Error;

macro_rules! by_borsh {
    ($($t:ty),* $(,)?) => {$(
        impl Codec<$t> for Wire {
            type Error = Io;
            fn decode(&self, bytes: Bytes) -> Result<$t, Io> {
                borsh::from_slice(&bytes)
            }
            fn encode(&self, msg: &$t) -> Result<Bytes, Io> {
                borsh::to_vec(msg).map(Into::into)
            }
        }
    )*};
}
by_borsh!(
    Part,
    SignedConsensusMsg<Ctx>,
    LivenessMsg<Ctx>,
    StreamMessage<Part>,
    ProposedValue<Ctx>,
    PolkaCertificate<Ctx>,
    Status<Ctx>,
    Request<Ctx>,
);

impl Codec<ValidatorProof<Ctx>> for Wire {
    type Error = Io;
    fn decode(&self, bytes: Bytes) -> Result<ValidatorProof<Ctx>, Io> {
        let (key, peer, sig) = borsh::from_slice(&bytes)?;
        Ok(ValidatorProof::new(key, peer, sig))
    }
    fn encode(&self, proof: &ValidatorProof<Ctx>) -> Result<Bytes, Io> {
        borsh::to_vec(&(&proof.public_key, &proof.peer_id, proof.signature)).map(Into::into)
    }
}

/// A validator's signature under a block, and its extension with a signature of its own.
pub(crate) type Commit = (Addr, Sig, Option<SignedMessage<Ctx, Vec<u8>>>);

/// A decided block with the votes for it, as it is kept and sent.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Decided {
    pub(crate) height: H,
    pub(crate) round: Round,
    pub(crate) id: Id,
    pub(crate) commits: Vec<Commit>,
    pub(crate) block: Vec<u8>,
}

impl Decided {
    pub(crate) fn new(cert: ExtendedCommitCertificate<Ctx>, block: Vec<u8>) -> Self {
        let commits = cert.commit_signatures.into_iter().map(|s| (s.address, s.signature, s.extension)).collect();
        Self { height: cert.height, round: cert.round, id: cert.value_id, commits, block }
    }

    pub(crate) fn raw(self) -> RawDecidedValue<Ctx> {
        let commit_signatures =
            self.commits.into_iter().map(|(a, s, e)| ExtendedCommitSignature::new(a, s, e)).collect();
        let (height, round, value_id) = (self.height, self.round, self.id);
        let cert = ExtendedCommitCertificate { height, round, value_id, commit_signatures };
        RawDecidedValue::new(self.block.into(), cert)
    }
}

impl Codec<Response<Ctx>> for Wire {
    type Error = Io;
    fn decode(&self, bytes: Bytes) -> Result<Response<Ctx>, Io> {
        let (start, values): (H, Vec<Decided>) = borsh::from_slice(&bytes)?;
        Ok(Response::ValueResponse(ValueResponse::new(start, values.into_iter().map(Decided::raw).collect())))
    }
    fn encode(&self, msg: &Response<Ctx>) -> Result<Bytes, Io> {
        let Response::ValueResponse(response) = msg;
        let one = |v: &RawDecidedValue<Ctx>| Decided::new(v.certificate.clone(), v.value_bytes.to_vec());
        let values: Vec<Decided> = response.values.iter().map(one).collect();
        borsh::to_vec(&(response.start_height, values)).map(Into::into)
    }
}

impl HasEncodedLen<Response<Ctx>> for Wire {
    fn encoded_len(&self, msg: &Response<Ctx>) -> Result<usize, Io> {
        self.encode(msg).map(|bytes| bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(height: u64) -> Decided {
        let ext = SignedMessage::new(vec![1, 2, 3], Sig([9; 64]));
        let commits = vec![(Addr([1; 20]), Sig([2; 64]), Some(ext)), (Addr([3; 20]), Sig([4; 64]), None)];
        Decided { height: H(height), round: Round::new(2), id: Id([5; 32]), commits, block: vec![6; 7] }
    }

    #[test]
    fn an_answer_to_who_catches_up_is_whole_again() {
        let values: Vec<_> = (4..6).map(|height| decided(height).raw()).collect();
        let sent = Response::ValueResponse(ValueResponse::new(H(4), values));
        let bytes = Wire.encode(&sent).expect("encodes");
        let Response::ValueResponse(got): Response<Ctx> = Wire.decode(bytes.clone()).expect("decodes");
        let got: Vec<Decided> =
            got.values.into_iter().map(|v| Decided::new(v.certificate, v.value_bytes.to_vec())).collect();
        assert_eq!(got, [decided(4), decided(5)]);
        // What a peer cuts off or adds to is no answer.
        for len in 0..bytes.len() {
            assert!(<Wire as Codec<Response<Ctx>>>::decode(&Wire, bytes.slice(..len)).is_err(), "{len}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(<Wire as Codec<Response<Ctx>>>::decode(&Wire, longer.into()).is_err());
    }

    #[test]
    fn garbage_of_a_peer_is_an_error() {
        for seed in 0..2_000_u64 {
            let mut bytes = vec![0; (seed % 97) as usize];
            blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
            let bytes = Bytes::from(bytes);
            // None of them panics or takes memory that the bytes do not pay for.
            let _ = <Wire as Codec<Response<Ctx>>>::decode(&Wire, bytes.clone());
            let _ = <Wire as Codec<SignedConsensusMsg<Ctx>>>::decode(&Wire, bytes.clone());
            let _ = <Wire as Codec<StreamMessage<Part>>>::decode(&Wire, bytes.clone());
            let _ = <Wire as Codec<ValidatorProof<Ctx>>>::decode(&Wire, bytes.clone());
            let _ = <Wire as Codec<Status<Ctx>>>::decode(&Wire, bytes);
        }
    }
}
