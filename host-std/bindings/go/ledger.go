package subvm

/*
#include <stdlib.h>
#include "tables.h"
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"
)

// LedgerOptions say how a ledger is opened. The zero value is the default; none of it changes what is in it.
type LedgerOptions struct {
	// CacheBytes of the file are kept in memory; 0: 1 GiB. Less than 1 MiB is an error.
	CacheBytes uint64
	// History is the blocks below the finalized height whose states can still be read.
	History uint64
	// Unverified: the file is not read through and verified first.
	Unverified bool
}

// Heights say how far a ledger is. Height 0 is the empty state before the first block.
type Heights struct {
	// Accepted is the highest block that a receipt was applied for, or that was finalized.
	Accepted uint64
	// Finalized is the highest finalized block.
	Finalized uint64
	// Lowest is the lowest whose state can be read.
	Lowest uint64
}

// Applied is what a transaction of a block wrote: Receipt.Pages, and the contract that it was for.
type Applied struct {
	Contract Address
	Pages    []Page
}

// RuleSet says from which height on which parameters (canonical bytes) are in force.
type RuleSet struct {
	Height uint64
	Params []byte
}

// EncodeRules gives the canonical bytes of rules by height, for Ledger.SetRules. Heights ascend.
func EncodeRules(sets []RuleSet) ([]byte, error) {
	var memory arena
	defer memory.free()
	array := (*C.subvm_rule_t)(memory.array(len(sets), unsafe.Sizeof(C.subvm_rule_t{})))
	for i, set := range sets {
		unsafe.Slice(array, len(sets))[i] = C.subvm_rule_t{height: C.uint64_t(set.Height), params: memory.bytes(set.Params)}
	}
	return filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t {
		return C.subvm_rules_encode(array, C.size_t(len(sets)), buffer)
	})
}

// RulesAt gives the parameters, canonical bytes, that are in force at a height. It is an error of CodeHeight where there are none.
func RulesAt(rules []byte, height uint64) ([]byte, error) {
	var memory arena
	defer memory.free()
	return filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t {
		return C.subvm_rules_at(memory.bytes(rules), C.uint64_t(height), buffer)
	})
}

// use keeps what C holds alive while calls use it, and frees it once, when it is closed and the last of them has returned. The methods of what is
// closed are errors of CodeArgument: nothing that was freed is touched, whoever closes it while others use it.
type use struct {
	mutex sync.Mutex
	// users are calls that run now.
	users  int
	closed bool
	free   func()
	what   string
}

func (u *use) begin() error {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.closed {
		return &Error{Code: CodeArgument, Message: fmt.Sprintf("the %s was closed: open it again, or close it later", u.what)}
	}
	u.users++
	return nil
}

func (u *use) end() {
	u.mutex.Lock()
	u.users--
	last := u.closed && u.users == 0
	u.mutex.Unlock()
	if last {
		u.free()
	}
}

func (u *use) close() {
	u.mutex.Lock()
	last := !u.closed && u.users == 0
	u.closed = true
	u.mutex.Unlock()
	if last {
		u.free()
	}
}

// during calls a function of the library's while what it uses is held, however the call ends.
func (u *use) during(call func() *C.subvm_error_t) error {
	if err := u.begin(); err != nil {
		return err
	}
	defer u.end()
	return failure(call())
}

// Ledger is where contracts' storage is: one file of an embedded database, of one process. Each change is there as a whole or not at all, and on
// disk when its method returned. Any number of goroutines may use it at once. Close gives the file back.
type Ledger struct {
	pointer *C.subvm_ledger_t
	use     use
}

// OpenLedger opens the ledger in a directory, and makes both where they are missing. It is an error of CodeLocked where it is open already, of
// CodeDamaged where the file is not what was written.
func OpenLedger(directory string, options LedgerOptions) (*Ledger, error) {
	var memory arena
	defer memory.free()
	chosen := (*C.subvm_ledger_options_t)(memory.array(1, unsafe.Sizeof(C.subvm_ledger_options_t{})))
	*chosen = C.subvm_ledger_options_t{
		size: C.size_t(unsafe.Sizeof(*chosen)), cache_bytes: C.uint64_t(options.CacheBytes), history: C.uint64_t(options.History),
		unverified: C.bool(options.Unverified),
	}
	lent := memory.bytes([]byte(directory))
	return ledgerOf(func(to **C.subvm_ledger_t) *C.subvm_error_t { return C.subvm_ledger_open(lent, chosen, to) })
}

// LedgerInMemory makes a ledger that is gone when it is closed: for tests.
func LedgerInMemory() (*Ledger, error) {
	return ledgerOf(func(to **C.subvm_ledger_t) *C.subvm_error_t { return C.subvm_ledger_in_memory(to) })
}

func ledgerOf(open func(**C.subvm_ledger_t) *C.subvm_error_t) (*Ledger, error) {
	var pointer *C.subvm_ledger_t
	if err := failure(open(&pointer)); err != nil {
		return nil, err
	}
	ledger := &Ledger{pointer: pointer}
	ledger.use = use{what: "ledger", free: func() { C.subvm_ledger_free(pointer) }}
	runtime.SetFinalizer(ledger, (*Ledger).Close)
	return ledger, nil
}

// Close closes the ledger. Calls that run on it are waited for by nobody: the file is given back when the last of them has returned, and the last
// of its snapshots was closed. To close it again does nothing.
func (l *Ledger) Close() {
	runtime.SetFinalizer(l, nil)
	l.use.close()
}

// Heights says how far it is.
func (l *Ledger) Heights() (Heights, error) {
	defer runtime.KeepAlive(l)
	var found C.subvm_heights_t
	err := l.use.during(func() *C.subvm_error_t { return C.subvm_ledger_heights(l.pointer, &found) })
	return heightsOf(found), err
}

func heightsOf(found C.subvm_heights_t) Heights {
	return Heights{uint64(found.accepted), uint64(found.finalized), uint64(found.lowest)}
}

// Apply applies what a block's transactions wrote to the accepted state, in their order, in one transaction. It is an error of CodeHeight where the
// height is final already, or lower than what was applied; nothing is changed then.
func (l *Ledger) Apply(height uint64, block []Applied) error {
	defer runtime.KeepAlive(l)
	var memory arena
	defer memory.free()
	array := (*C.subvm_applied_t)(memory.array(len(block), unsafe.Sizeof(C.subvm_applied_t{})))
	for i, applied := range block {
		pages := (*C.subvm_page_t)(memory.array(len(applied.Pages), unsafe.Sizeof(C.subvm_page_t{})))
		for j, page := range applied.Pages {
			unsafe.Slice(pages, len(applied.Pages))[j] = C.subvm_page_t{
				slot: word(page.Slot), page: C.uint32_t(page.Number), content: word(page.Content),
			}
		}
		unsafe.Slice(array, len(block))[i] = C.subvm_applied_t{
			contract: address(applied.Contract), pages: pages, pages_len: C.size_t(len(applied.Pages)),
		}
	}
	return l.use.during(func() *C.subvm_error_t {
		return C.subvm_ledger_apply(l.pointer, C.uint64_t(height), array, C.size_t(len(block)))
	})
}

// Finalize makes all blocks up to a height final.
func (l *Ledger) Finalize(height uint64) error {
	defer runtime.KeepAlive(l)
	return l.use.during(func() *C.subvm_error_t { return C.subvm_ledger_finalize(l.pointer, C.uint64_t(height)) })
}

// Rollback takes back all accepted blocks above a height. It is an error of CodeHeight where some of them are final.
func (l *Ledger) Rollback(height uint64) error {
	defer runtime.KeepAlive(l)
	return l.use.during(func() *C.subvm_error_t { return C.subvm_ledger_rollback(l.pointer, C.uint64_t(height)) })
}

// Prune forgets the states of heights below one. It is an error of CodeHeight where that is above what is final.
func (l *Ledger) Prune(height uint64) error {
	defer runtime.KeepAlive(l)
	return l.use.during(func() *C.subvm_error_t { return C.subvm_ledger_prune(l.pointer, C.uint64_t(height)) })
}

// SetRules keeps the rules by height (EncodeRules). It is an error of CodeHeight where they would be others for a block that was applied.
func (l *Ledger) SetRules(rules []byte) error {
	defer runtime.KeepAlive(l)
	var memory arena
	defer memory.free()
	lent := memory.bytes(rules)
	return l.use.during(func() *C.subvm_error_t { return C.subvm_ledger_set_rules(l.pointer, lent) })
}

// Compact makes the file as small as what it holds allows. It is an error of CodeArgument while there is a snapshot.
func (l *Ledger) Compact() error {
	defer runtime.KeepAlive(l)
	return l.use.during(func() *C.subvm_error_t { return C.subvm_ledger_compact(l.pointer) })
}

// Snapshot is the newest state, as it is now: what a run reads.
func (l *Ledger) Snapshot() (*Snapshot, error) {
	return l.snapshot(nil)
}

// SnapshotAt is the state of a height, for replaying the block after it. It is an error of CodeHeight where that state is not kept any more, or is
// not there yet.
func (l *Ledger) SnapshotAt(height uint64) (*Snapshot, error) {
	return l.snapshot(&height)
}

func (l *Ledger) snapshot(height *uint64) (*Snapshot, error) {
	defer runtime.KeepAlive(l)
	var memory arena
	defer memory.free()
	var at *C.uint64_t
	if height != nil {
		at = (*C.uint64_t)(memory.array(1, unsafe.Sizeof(C.uint64_t(0))))
		*at = C.uint64_t(*height)
	}
	// The library wants snapshots freed before their ledger: each is one who uses it, until it is closed.
	if err := l.use.begin(); err != nil {
		return nil, err
	}
	var pointer *C.subvm_snapshot_t
	if err := failure(C.subvm_ledger_snapshot(l.pointer, at, &pointer)); err != nil {
		l.use.end()
		return nil, err
	}
	snapshot := &Snapshot{pointer: pointer}
	snapshot.use = use{what: "snapshot", free: func() {
		C.subvm_snapshot_free(pointer)
		l.use.end()
	}}
	runtime.SetFinalizer(snapshot, (*Snapshot).Close)
	return snapshot, nil
}

// Snapshot is a ledger's state at one moment: what is applied later does not show. It implements Storage. Any number of goroutines may use it, one
// at a time within the library; runs at once take one each. Close it with the run that it was for: it keeps space of the file from being used anew.
type Snapshot struct {
	pointer *C.subvm_snapshot_t
	use     use
}

// Close gives the snapshot back. To close it again does nothing.
func (s *Snapshot) Close() {
	runtime.SetFinalizer(s, nil)
	s.use.close()
}

// Read implements Storage.
func (s *Snapshot) Read(state State, contract Address, slot Slot, index uint32, into []byte) error {
	defer runtime.KeepAlive(s)
	whose, which := address(contract), word(slot)
	var to *C.uint8_t
	if len(into) > 0 {
		to = (*C.uint8_t)(unsafe.Pointer(&into[0]))
	}
	return s.use.during(func() *C.subvm_error_t {
		return C.subvm_snapshot_read(s.pointer, C.uint32_t(state), &whose, &which, C.uint32_t(index), to, C.size_t(len(into)))
	})
}

// Heights says how far the ledger was.
func (s *Snapshot) Heights() (Heights, error) {
	defer runtime.KeepAlive(s)
	var found C.subvm_heights_t
	err := s.use.during(func() *C.subvm_error_t { return C.subvm_snapshot_heights(s.pointer, &found) })
	return heightsOf(found), err
}

// Rules are those by height that the ledger keeps, for RulesAt; empty where none were kept.
func (s *Snapshot) Rules() ([]byte, error) {
	defer runtime.KeepAlive(s)
	if err := s.use.begin(); err != nil {
		return nil, err
	}
	defer s.use.end()
	return filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t { return C.subvm_snapshot_rules(s.pointer, buffer) })
}

// Root is that of the state of a height: the same for every ledger that holds the same pages.
func (s *Snapshot) Root(height uint64) (Digest, error) {
	defer runtime.KeepAlive(s)
	var root C.subvm_word_t
	err := s.use.during(func() *C.subvm_error_t { return C.subvm_snapshot_root(s.pointer, C.uint64_t(height), &root) })
	return unword(root), err
}

// Prove proves what a page holds in the state of a height, for ProofPage.
func (s *Snapshot) Prove(height uint64, contract Address, slot Slot, page uint32) ([]byte, error) {
	defer runtime.KeepAlive(s)
	if err := s.use.begin(); err != nil {
		return nil, err
	}
	defer s.use.end()
	whose, which := address(contract), word(slot)
	return filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t {
		return C.subvm_snapshot_prove(s.pointer, C.uint64_t(height), &whose, &which, C.uint32_t(page), buffer)
	})
}

// Backup writes a ledger of its own into a directory that holds none, while others go on with theirs.
func (s *Snapshot) Backup(directory string) error {
	defer runtime.KeepAlive(s)
	var memory arena
	defer memory.free()
	lent := memory.bytes([]byte(directory))
	return s.use.during(func() *C.subvm_error_t { return C.subvm_snapshot_backup(s.pointer, lent) })
}

// ProofPage is what a page holds, by a proof, for who trusts the root and nobody else. It is an error of CodeRefused where the proof is of another
// root or page, of CodeFormat where it is none.
func ProofPage(proof []byte, root Digest, contract Address, slot Slot, page uint32) ([32]byte, error) {
	var memory arena
	defer memory.free()
	trusted, whose, which := word(root), address(contract), word(slot)
	var content C.subvm_word_t
	err := failure(C.subvm_proof_page(memory.bytes(proof), &trusted, &whose, &which, C.uint32_t(page), &content))
	return unword(content), err
}
