package subvm

/*
#include <stdlib.h>
#include "tables.h"
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// RecordingOptions say where a recording goes, and what it holds. The zero value: in memory, without the contracts' code.
type RecordingOptions struct {
	// File is the path of a file that is made for it; empty: it is kept in memory. One that is there already is an error of CodeIO.
	File string
	// Bytes is the most that is written; 0: 1 GiB. A run that needs more goes on, and its recording ends.
	Bytes uint64
	// Code: packages are written down, so that it can be replayed alone.
	Code bool
	// EachCall: each host call is written as it begins and as it ends, so that a process that is killed loses none of them.
	EachCall bool
}

// Recording is that of one run: give it to Transaction.Recording.
type Recording struct {
	pointer *C.subvm_recording_t
}

// Recorded is what came of recording a run.
type Recorded struct {
	// Trace is the digest of what is the same on every node, whatever its role.
	Trace Digest
	// Steps are the records that it is of, Calls the host calls, Bytes those written.
	Steps, Calls, Bytes uint64
	// Complete: all of the run is in it; else Why says why not.
	Complete bool
	Why      string
}

// NewRecording makes a recording that nothing is in yet. A file is made at once.
func NewRecording(options RecordingOptions) (*Recording, error) {
	var memory arena
	defer memory.free()
	chosen := (*C.subvm_recording_options_t)(memory.array(1, unsafe.Sizeof(C.subvm_recording_options_t{})))
	*chosen = C.subvm_recording_options_t{
		size: C.size_t(unsafe.Sizeof(*chosen)), file: memory.bytes([]byte(options.File)), bytes: C.uint64_t(options.Bytes),
		code: C.bool(options.Code), each_call: C.bool(options.EachCall),
	}
	var pointer *C.subvm_recording_t
	if err := failure(C.subvm_recording_new(chosen, &pointer)); err != nil {
		return nil, err
	}
	recording := &Recording{pointer}
	runtime.SetFinalizer(recording, func(r *Recording) { C.subvm_recording_free(r.pointer) })
	return recording, nil
}

// Ended is what came of it, once its run has ended; else an error of CodeArgument.
func (r *Recording) Ended() (Recorded, error) {
	defer runtime.KeepAlive(r)
	var recorded C.subvm_recorded_t
	why, err := filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t {
		return C.subvm_recording_ended(r.pointer, &recorded, buffer)
	})
	if err != nil {
		return Recorded{}, err
	}
	return Recorded{
		Trace: unword(recorded.trace), Steps: uint64(recorded.steps), Calls: uint64(recorded.calls), Bytes: uint64(recorded.bytes),
		Complete: bool(recorded.complete), Why: string(why),
	}, nil
}

// Bytes are those of a recording in memory whose run has ended; else nothing.
func (r *Recording) Bytes() []byte {
	defer runtime.KeepAlive(r)
	return copied(C.subvm_recording_bytes(r.pointer))
}

// Verdict says whether a replayed run was the recorded one.
type Verdict uint32

const (
	// VerdictSame: it was, to its end.
	VerdictSame Verdict = C.SUBVM_VERDICT_SAME
	// VerdictEnds: it was, as far as the recording goes, which was cut.
	VerdictEnds Verdict = C.SUBVM_VERDICT_ENDS
	// VerdictStopped: it was, to where that was stopped by its deadline, its node or its engine.
	VerdictStopped Verdict = C.SUBVM_VERDICT_STOPPED
	// VerdictDiffers: it does something else at some point.
	VerdictDiffers Verdict = C.SUBVM_VERDICT_DIFFERS
	// VerdictNoPackage: it needs a package that the recording names and does not hold, and that was not given.
	VerdictNoPackage Verdict = C.SUBVM_VERDICT_NO_PACKAGE
)

// Replay is a recording to run again. One of Recording and File is given.
type Replay struct {
	// Recording is its bytes, File the path of its file.
	Recording []byte
	File      string
	// Packages that it may name and not hold.
	Packages []*Package
}

// Replayed is what replaying came to.
type Replayed struct {
	// Verdict says whether it was the recorded run, Why the same in words: the call that differs, and what was recorded there.
	Verdict Verdict
	Why     string
	// Error is the code that the run ended with here; 0 where it has a result.
	Error ErrorCode
	// Trace is the digest of what was the same, Calls the host calls of it.
	Trace Digest
	Calls uint64
	// Report is what the run came to where it was the recorded one and has a result; else nil.
	Report *Report
}

// Replay runs a recording again, without a node. Whether it was the recorded run is the verdict, not an error. It is an error of CodeFormat where it
// is no recording, of CodeDamaged where it is a damaged one, of CodeRelease where another release is needed, of CodeIO where the file cannot be read.
func (e *Engine) Replay(of Replay) (*Replayed, error) {
	defer runtime.KeepAlive(e)
	defer runtime.KeepAlive(of.Packages)
	var memory arena
	defer memory.free()
	packages := (**C.subvm_package_t)(memory.array(len(of.Packages), unsafe.Sizeof(uintptr(0))))
	for i, pack := range of.Packages {
		if pack == nil {
			return nil, &Error{Code: CodeArgument, Message: "an element of Replay.Packages is nil"}
		}
		unsafe.Slice(packages, len(of.Packages))[i] = pack.pointer
	}
	asked := (*C.subvm_replay_t)(memory.array(1, unsafe.Sizeof(C.subvm_replay_t{})))
	*asked = C.subvm_replay_t{
		size: C.size_t(unsafe.Sizeof(*asked)), recording: memory.bytes(of.Recording), file: memory.bytes([]byte(of.File)),
		packages: packages, packages_len: C.size_t(len(of.Packages)),
	}
	var found C.subvm_replayed_t
	var report *C.subvm_report_t
	why, err := filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t {
		return C.subvm_replay(e.pointer, asked, &found, buffer, &report)
	})
	if err != nil {
		return nil, err
	}
	replayed := &Replayed{
		Verdict: Verdict(found.verdict), Why: string(why), Error: ErrorCode(found.error), Trace: unword(found.trace), Calls: uint64(found.calls),
	}
	if report != nil {
		replayed.Report = taken(report)
	}
	return replayed, nil
}
