package subvm

// #include <subvm_host.h>
import "C"

import "time"

// State says which of a chain's states is meant.
type State uint32

const (
	// Accepted is the state with all that was accepted, and may still be rolled back.
	Accepted State = C.SUBVM_STATE_ACCEPTED
	// Finalized is the state with what was finalized only.
	Finalized State = C.SUBVM_STATE_FINALIZED
)

// Stream is one that a guest writes to.
type Stream uint32

const (
	// Stdout is descriptor 1.
	Stdout Stream = C.SUBVM_STREAM_STDOUT
	// Stderr is descriptor 2.
	Stderr Stream = C.SUBVM_STREAM_STDERR
	// Trace is for Trace requests.
	Trace Stream = C.SUBVM_STREAM_TRACE
)

// Invalid says what is wrong with a malformed contract, to consensus.
type Invalid uint32

const (
	// InvalidNot is for what is not malformed.
	InvalidNot Invalid = C.SUBVM_INVALID_NOT
	// InvalidArgs is for arguments that the rules refuse.
	InvalidArgs Invalid = C.SUBVM_INVALID_ARGS
	// InvalidEnv is for environment variables that the rules refuse.
	InvalidEnv Invalid = C.SUBVM_INVALID_ENV
	// InvalidPackage is for everything else: a bundle that cannot be read.
	InvalidPackage Invalid = C.SUBVM_INVALID_PACKAGE
)

// Code is what stands at an address. The zero value: no contract.
type Code struct {
	// Package is the contract's, where there is one.
	Package *Package
	// Malformed says what is wrong with a contract that breaks the rules of packages.
	Malformed Invalid
}

// EthKind says what a call of the layer below came to.
type EthKind uint32

const (
	// EthRefused: it was not made, and would be on no node.
	EthRefused EthKind = C.SUBVM_ETH_REFUSED
	// EthReturned: it returned.
	EthReturned EthKind = C.SUBVM_ETH_RETURNED
	// EthReverted: it reverted.
	EthReverted EthKind = C.SUBVM_ETH_REVERTED
)

// EthAnswer is what a call of the layer below came to. The zero value: it was refused.
type EthAnswer struct {
	// Kind says how it ended.
	Kind EthKind
	// Data is what it returned, or reverted with.
	Data []byte
}

// Storage reads contracts' storage as it was before the run.
//
// An error of it, as of all these interfaces but Rng, is this node's own failure: the run has no result, and the node votes timeout. So is a
// panic. The methods of one node are never called two at once, and all on the goroutine that called Run. What they are given they do not keep.
type Storage interface {
	// Read fills into from a slot of a contract, starting at byte index. Bytes never written are zero. The same arguments give the same bytes
	// throughout a run. index + len(into) is at most 2^32.
	Read(state State, contract Address, slot Slot, index uint32, into []byte) error
}

// Clock tells time.
type Clock interface {
	// TransactionTime is the transaction's instant, in nanoseconds since 1970: the same on every node, and throughout a run.
	TransactionTime() uint64
	// Elapsed is the time since a fixed moment, never going backwards: for deadlines, never for results.
	Elapsed() time.Duration
}

// Rng makes bytes that nobody can foresee, for non-deterministic mode.
type Rng interface {
	// Fill fills into. Where it cannot, the guest sees errno io, and the run goes on.
	Fill(into []byte) error
}

// Host knows the chain, and takes what guests print. Its answers are the same on every node.
type Host interface {
	// Balance is that of an address.
	Balance(state State, address Address) (Uint256, error)
	// Code is what stands at an address.
	Code(state State, address Address) (Code, error)
	// LockedSlots are the slots of a contract that a run may not write.
	LockedSlots(contract Address) ([]Slot, error)
	// EthCall is a read-only call of the layer below. One that reverts is an answer, not an error.
	EthCall(state State, address Address, calldata []byte) (EthAnswer, error)
	// Output takes what a guest printed. What is not wanted is dropped; a host caps what it keeps.
	Output(stream Stream, bytes []byte)
}

// Modules reaches the web and language models, for non-deterministic mode. What the world answers, failures included, is a result.
type Modules interface {
	// Start starts a request without waiting for it: its canonical calldata, {"<name>": {fields}}. It gives a number that is unique within the
	// run; an error where there is no such module.
	Start(request []byte) (uint64, error)
	// Wait waits for a request, atMost so long. Where it is done, it gives the canonical calldata of its result, {"ok": ..} or {"error": ..}, and
	// true; the number is spent then. It is an error where the number was never started, or is spent.
	Wait(id uint64, atMost time.Duration) ([]byte, bool, error)
	// Cancel gives up a request, whose result nobody will ask for.
	Cancel(id uint64)
}

// Node is all that a node supplies to one run.
type Node struct {
	// Storage is the state before the run.
	Storage Storage
	// Clock tells the transaction's instant, and elapsed time.
	Clock Clock
	// Rng is the secure generator.
	Rng Rng
	// Host knows the chain.
	Host Host
	// Modules reaches the web and models.
	Modules Modules
}
