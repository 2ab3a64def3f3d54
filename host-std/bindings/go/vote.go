package subvm

// #include <subvm_host.h>
import "C"

import (
	"runtime"
	"unsafe"
)

// Vote is what a node says of a leader's receipt.
type Vote uint32

const (
	// Agree: the receipts are the same.
	Agree Vote = C.SUBVM_VOTE_AGREE
	// Disagree: they differ.
	Disagree Vote = C.SUBVM_VOTE_DISAGREE
	// Timeout: the node cannot say.
	Timeout Vote = C.SUBVM_VOTE_TIMEOUT
)

// Vote is this node's on the leader's receipt (canonical bytes), and for people, where the two differ. A nil report votes Timeout.
func (r *Report) Vote(leader []byte) (Vote, string, error) {
	defer runtime.KeepAlive(r)
	var memory arena
	defer memory.free()
	var receipt *C.subvm_receipt_t
	if err := failure(C.subvm_receipt_from_bytes(memory.bytes(leader), &receipt)); err != nil {
		return Timeout, "", err
	}
	defer C.subvm_receipt_free(receipt)
	var cast C.uint32_t
	why, err := filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t {
		return C.subvm_vote(r.own(), nil, receipt, &cast, buffer)
	})
	if err != nil {
		return Timeout, "", err
	}
	return Vote(cast), string(why), nil
}

func (r *Report) own() *C.subvm_report_t {
	if r == nil {
		return nil
	}
	return r.pointer
}

// Ballot is this node's on a proposal, in its one encoding. That of a nil report says timeout.
func (r *Report) Ballot(proposal []byte) (Ballot, error) {
	defer runtime.KeepAlive(r)
	var memory arena
	defer memory.free()
	bytes, err := filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t {
		return C.subvm_ballot(r.own(), memory.bytes(proposal), buffer)
	})
	return bytes, err
}

// ProposalDigest is what ballots are about.
func ProposalDigest(proposal []byte) (Digest, error) {
	var memory arena
	defer memory.free()
	var digest C.subvm_word_t
	err := failure(C.subvm_proposal_digest(memory.bytes(proposal), &digest))
	return unword(digest), err
}

// Ballot is what a node says of a proposal without having seen what others came to, in its one encoding.
type Ballot []byte

// Commitment binds a voter to a ballot, and shows nothing of it.
type Commitment [32]byte

// Commit binds the voter to the ballot on the proposal with that digest. voter is what others know the voter by, as its public key; salt is from
// the node's secure generator, new for each ballot.
func (b Ballot) Commit(proposal Digest, voter []byte, salt [32]byte) (Commitment, error) {
	var memory arena
	defer memory.free()
	about, with := word(proposal), word(salt)
	var commitment C.subvm_word_t
	err := failure(C.subvm_ballot_commit(memory.bytes(b), &about, memory.bytes(voter), &with, &commitment))
	return unword(commitment), err
}

// Opens tells whether the commitment was made of these: what does not open its commitment counts as no vote.
func (c Commitment) Opens(ballot Ballot, proposal Digest, voter []byte, salt [32]byte) (bool, error) {
	made, err := ballot.Commit(proposal, voter, salt)
	return err == nil && made == c, err
}

// Agrees tells whether the ballot is for the leader whose receipt has this digest.
func (b Ballot) Agrees(receipt Digest) (bool, error) {
	var memory arena
	defer memory.free()
	digest := word(receipt)
	var agrees C.bool
	err := failure(C.subvm_ballot_agrees(memory.bytes(b), (*C.subvm_word_t)(unsafe.Pointer(&digest)), &agrees))
	return bool(agrees), err
}
