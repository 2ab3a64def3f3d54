//! Votes, and ballots that cannot be copied.

use subvm_core::{Ballot, Commitment, Proposal, Vote, vote};

use crate::border::{borrowed, guard, put, slice, written};
use crate::buffer::subvm_buffer_t;
use crate::error::{SUBVM_ERROR_FORMAT, subvm_error_t};
use crate::receipt::subvm_receipt_t;
use crate::report::subvm_report_t;
use crate::{subvm_bytes_t, subvm_word_t};

/// The receipts are the same.
pub const SUBVM_VOTE_AGREE: u32 = 0;
/// They differ.
pub const SUBVM_VOTE_DISAGREE: u32 = 1;
/// The node cannot say.
pub const SUBVM_VOTE_TIMEOUT: u32 = 2;

/// This node's vote on the leader's receipt: SUBVM_VOTE_*, and where they differ or why there is none, for people. `own` is NULL where the run had no
/// report; `why` is the error of it then, and may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_vote(
    own: *const subvm_report_t,
    why: *const subvm_error_t,
    leader: *const subvm_receipt_t,
    cast: *mut u32,
    text: *mut subvm_buffer_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (own, why, leader, text) =
            unsafe { (own.as_ref(), why.as_ref(), borrowed(leader, "leader")?, written(text, "text")?) };
        let decided = match own {
            Some(own) => own.report.vote(leader.receipt()),
            None => vote(Err(why.map_or("there is no report", subvm_error_t::text).into()), leader.receipt()),
        };
        let number = match decided {
            Vote::Agree => SUBVM_VOTE_AGREE,
            Vote::Disagree(_) => SUBVM_VOTE_DISAGREE,
            Vote::Timeout(_) => SUBVM_VOTE_TIMEOUT,
        };
        // SAFETY: by the rules for pointers.
        unsafe { put(cast, "cast", number)? };
        text.set(decided.to_string().into_bytes());
        Ok(())
    })
}

fn proposal(bytes: &[u8]) -> Result<Proposal, subvm_error_t> {
    Proposal::from_bytes(bytes).map_err(|error| subvm_error_t::format("proposal", &error))
}

fn ballot(bytes: &[u8]) -> Result<Ballot, subvm_error_t> {
    Ballot::from_bytes(bytes).ok_or_else(|| subvm_error_t::new(SUBVM_ERROR_FORMAT, "not a ballot"))
}

/// BLAKE3 of a proposal: what ballots are about.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_proposal_digest(of: subvm_bytes_t, digest: *mut subvm_word_t) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let proposal = proposal(unsafe { slice(of, "proposal")? })?;
        // SAFETY: by the rules for pointers.
        unsafe { put(digest, "digest", subvm_word_t { bytes: proposal.digest() }) }
    })
}

/// This node's ballot on a proposal, in its one encoding. `own` is NULL where the run had no report: *timeout*.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ballot(
    own: *const subvm_report_t,
    on: subvm_bytes_t,
    bytes: *mut subvm_buffer_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (own, on, bytes) = unsafe { (own.as_ref(), slice(on, "proposal")?, written(bytes, "bytes")?) };
        let proposal = proposal(on)?;
        bytes.set(own.map_or(Ballot::Timeout, |own| own.report.ballot(&proposal)).to_bytes());
        Ok(())
    })
}

/// Binds the voter to a ballot on the proposal with that digest, and shows nothing of it. `voter` is what others know the voter by, as its public
/// key; `salt` is from the node's secure generator, new for each ballot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ballot_commit(
    to: subvm_bytes_t,
    proposal_digest: *const subvm_word_t,
    voter: subvm_bytes_t,
    salt: *const subvm_word_t,
    commitment: *mut subvm_word_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let bound = unsafe { bound(to, proposal_digest, voter, salt)? };
        // SAFETY: by the rules for pointers.
        unsafe { put(commitment, "commitment", subvm_word_t { bytes: bound.0 }) }
    })
}

/// # Safety
/// The pointers are as the header says.
unsafe fn bound(
    to: subvm_bytes_t,
    proposal_digest: *const subvm_word_t,
    voter: subvm_bytes_t,
    salt: *const subvm_word_t,
) -> Result<Commitment, subvm_error_t> {
    // SAFETY: as the caller promises.
    let (ballot, proposal, voter, salt) = unsafe {
        let (proposal, salt) = (borrowed(proposal_digest, "proposal_digest")?, borrowed(salt, "salt")?);
        (ballot(slice(to, "ballot")?)?, proposal, slice(voter, "voter")?, salt)
    };
    Ok(ballot.commit(&proposal.bytes, voter, &salt.bytes))
}

/// Whether a commitment was made of these: what does not open its commitment counts as no vote.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_commitment_opens(
    commitment: *const subvm_word_t,
    to: subvm_bytes_t,
    proposal_digest: *const subvm_word_t,
    voter: subvm_bytes_t,
    salt: *const subvm_word_t,
    opens: *mut bool,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let same = unsafe { bound(to, proposal_digest, voter, salt)?.0 == borrowed(commitment, "commitment")?.bytes };
        // SAFETY: by the rules for pointers.
        unsafe { put(opens, "opens", same) }
    })
}

/// Whether a ballot is for the leader, whose receipt has this digest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_ballot_agrees(
    cast: subvm_bytes_t,
    receipt_digest: *const subvm_word_t,
    agrees: *mut bool,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (ballot, receipt) =
            unsafe { (ballot(slice(cast, "ballot")?)?, borrowed(receipt_digest, "receipt_digest")?) };
        // SAFETY: by the rules for pointers.
        unsafe { put(agrees, "agrees", ballot.agrees(&receipt.bytes)) }
    })
}
