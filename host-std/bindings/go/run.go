package subvm

/*
#include <string.h>
#include "tables.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/cgo"
	"time"
	"unsafe"
)

// Role is the part that a node plays.
type Role uint32

const (
	// Leader runs non-deterministic blocks and proposes their results.
	Leader Role = C.SUBVM_ROLE_LEADER
	// Validator checks the results that a leader proposed.
	Validator Role = C.SUBVM_ROLE_VALIDATOR
	// Sync takes the leader's results on trust: a node that catches up.
	Sync Role = C.SUBVM_ROLE_SYNC
)

// Entry says what runs.
type Entry uint32

const (
	// EntryContract: the contract at the message's address, with all permissions; a transaction.
	EntryContract Entry = C.SUBVM_ENTRY_CONTRACT
	// EntryProgram: a plain program, deterministic; the package at the message's address.
	EntryProgram Entry = C.SUBVM_ENTRY_PROGRAM
	// EntryProgramNondet: a plain program, non-deterministic.
	EntryProgramNondet Entry = C.SUBVM_ENTRY_PROGRAM_NONDET
)

// Transaction is one to run.
type Transaction struct {
	// Message is its canonical bytes: Message.Encode.
	Message []byte
	// Params are the canonical bytes of the consensus parameters: Params.Encode.
	Params []byte
	// Entry says what runs.
	Entry Entry
	// Role is the part that this node plays.
	Role Role
	// FromLeader is the leader's proposal for a validator, the leader's receipt for a node that catches up, and nothing for a leader.
	FromLeader []byte
	// State is what the run reads.
	State State
	// Stdin is a program's standard input; nil: the message.
	Stdin []byte
	// Deadline is how long the run may take, by the node's clock; 0: for ever. It is what this node is willing to wait, and no rule of the chain.
	Deadline time.Duration
	// Recording records the run, and had none yet; nil: nothing does. It changes no receipt.
	Recording *Recording
}

// Report is what a run came to on this node.
type Report struct {
	pointer *C.subvm_report_t
	// Receipt is what nodes vote on and apply.
	Receipt *Receipt
	// Outcome is what the run came to: a byte that is 0 for a return, 1 for an error of the contract's own, 2 for a broken rule or limit; and then
	// the calldata that it returned, or a text.
	Outcome []byte
	// Fingerprint is the machine at a failure, as calldata; nil where the run did not fail, or the parameters do not ask for it.
	Fingerprint []byte
	// RAMPeak is the most RAM that deterministic sub-VMs held, in bytes.
	RAMPeak uint64
	// RAMPeakNondet is that of non-deterministic ones.
	RAMPeakNondet uint64
	// TicksNondet is the time gas that non-deterministic sub-VMs used.
	TicksNondet uint64
	// Diagnostics is what people should know, a line each.
	Diagnostics string
}

// Run runs a transaction to its end, on a thread of the library's; the node's methods are called on this goroutine meanwhile. Where ctx is done
// first, the run is called off within 10 ms, if no method of the node holds it.
//
// An *Error says that there is no report; where its NoResult holds, the node votes timeout. It unwraps to what a method of the node returned, or to
// the context's error, where that is why. A *PanicError says that a method of the node panicked. A method must not call runtime.Goexit, as FailNow
// and Fatal of a test do: nothing can stop that, and the run's thread would wait for the method for ever.
func (e *Engine) Run(ctx context.Context, node Node, transaction Transaction) (*Report, error) {
	if node.Storage == nil || node.Clock == nil || node.Rng == nil || node.Host == nil || node.Modules == nil {
		return nil, &Error{Code: CodeArgument, Message: "a part of the node is nil"}
	}
	if transaction.Deadline < 0 {
		return nil, &Error{Code: CodeArgument, Message: fmt.Sprintf("the deadline is %v", transaction.Deadline)}
	}
	var memory arena
	defer memory.free()
	asked := (*C.subvm_run_t)(memory.array(1, unsafe.Sizeof(C.subvm_run_t{})))
	*asked = C.subvm_run_t{
		size:    C.size_t(unsafe.Sizeof(*asked)),
		message: memory.bytes(transaction.Message), params: memory.bytes(transaction.Params),
		entry: C.uint32_t(transaction.Entry), role: C.uint32_t(transaction.Role), leader: memory.bytes(transaction.FromLeader),
		state: C.uint32_t(transaction.State), callbacks: C.SUBVM_CALLBACKS_ON_CALLER,
		deadline_nanos: C.uint64_t(transaction.Deadline),
	}
	if transaction.Stdin != nil {
		input := (*C.subvm_bytes_t)(memory.array(1, unsafe.Sizeof(C.subvm_bytes_t{})))
		*input = memory.bytes(transaction.Stdin)
		asked.program_input = input
	}
	cancel := C.subvm_cancel_new()
	defer C.subvm_cancel_free(cancel)
	asked.cancel = cancel
	// The token outlives who uses it: that is waited for, however this function ends.
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-ctx.Done():
			C.subvm_cancel(cancel)
		case <-done:
		}
	}()
	defer func() {
		close(done)
		<-stopped
	}()
	report, err := e.run(node, &memory, asked, transaction.Recording)
	var failed *Error
	if errors.As(err, &failed) && failed.Code == CodeCancelled && failed.cause == nil {
		failed.cause = ctx.Err()
	}
	return report, err
}

func (e *Engine) run(node Node, memory *arena, asked *C.subvm_run_t, recording *Recording) (*Report, error) {
	c := &calls{node: node}
	handle := cgo.NewHandle(c)
	defer handle.Delete()
	storage := (*C.subvm_storage_t)(memory.array(1, unsafe.Sizeof(C.subvm_storage_t{})))
	clock := (*C.subvm_clock_t)(memory.array(1, unsafe.Sizeof(C.subvm_clock_t{})))
	rng := (*C.subvm_rng_t)(memory.array(1, unsafe.Sizeof(C.subvm_rng_t{})))
	host := (*C.subvm_host_t)(memory.array(1, unsafe.Sizeof(C.subvm_host_t{})))
	modules := (*C.subvm_modules_t)(memory.array(1, unsafe.Sizeof(C.subvm_modules_t{})))
	C.subvm_go_storage(storage, C.uintptr_t(handle))
	C.subvm_go_clock(clock, C.uintptr_t(handle))
	C.subvm_go_rng(rng, C.uintptr_t(handle))
	C.subvm_go_host(host, C.uintptr_t(handle))
	C.subvm_go_modules(modules, C.uintptr_t(handle))
	tables := (*C.subvm_node_t)(memory.array(1, unsafe.Sizeof(C.subvm_node_t{})))
	*tables = C.subvm_node_t{
		size: C.size_t(unsafe.Sizeof(*tables)), storage: storage, clock: clock, rng: rng, host: host, modules: modules,
	}
	var pointer *C.subvm_report_t
	watch := (*C.subvm_watch_t)(memory.array(1, unsafe.Sizeof(C.subvm_watch_t{})))
	watch.size = C.size_t(unsafe.Sizeof(*watch))
	if recording != nil {
		watch.recording = recording.pointer
	}
	err := failure(C.subvm_run_watched(e.pointer, tables, asked, watch, &pointer))
	runtime.KeepAlive(e)
	runtime.KeepAlive(recording)
	runtime.KeepAlive(c.packages)
	var report *Report
	if err == nil {
		report = taken(pointer)
	}
	var panicked *PanicError
	if errors.As(c.cause, &panicked) {
		return nil, panicked
	}
	var failed *Error
	if errors.As(err, &failed) && failed.NoResult() && failed.Code != CodeCancelled {
		failed.cause = c.cause
	}
	return report, err
}

func taken(pointer *C.subvm_report_t) *Report {
	figures := C.subvm_report_figures(pointer)
	report := &Report{
		pointer: pointer,
		Receipt: receiptOf(C.subvm_report_receipt(pointer)),
		Outcome: copied(C.subvm_report_outcome(pointer)),
		RAMPeak: uint64(figures.ram_peak), RAMPeakNondet: uint64(figures.ram_peak_nondet), TicksNondet: uint64(figures.ticks_nondet),
	}
	if fingerprint := copied(C.subvm_report_fingerprint(pointer)); len(fingerprint) > 0 {
		report.Fingerprint = fingerprint
	}
	// It fails without pointers only.
	if lines, err := filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t { return C.subvm_report_diagnostics(pointer, buffer) }); err == nil {
		report.Diagnostics = string(lines)
	}
	runtime.SetFinalizer(report, func(r *Report) { C.subvm_report_free(r.pointer) })
	return report
}
