package subvm

/*
#include "tables.h"
*/
import "C"

import (
	"errors"
	"runtime/cgo"
	"unsafe"
)

// Written is a page that a storage under test is to hold.
type Written struct {
	// State is Finalized where both states hold it, Accepted where it was accepted on top.
	State State
	// Contract is whose it is.
	Contract Address
	// Page is the page.
	Page Page
}

// maker is what the handle of a check's maker stands for.
type maker struct {
	build func(pages []Written) (Node, error)
	// cause is what build returned or a part panicked with.
	cause error
	parts []*calls
}

//export subvmGoMake
func subvmGoMake(context C.uintptr_t, written *C.subvm_written_t, length C.size_t, buffer *C.subvm_buffer_t) (handle C.uintptr_t) {
	m := cgo.Handle(context).Value().(*maker)
	fail := func(err error) {
		m.cause = err
		say(buffer, err)
	}
	// As in guarded.
	finished := false
	defer func() {
		if !finished {
			fail(&PanicError{recover()})
		}
	}()
	var pages []Written
	if length > 0 {
		for _, page := range unsafe.Slice(written, int(length)) {
			content := Page{unword(page.page.slot), uint32(page.page.page), unword(page.page.content)}
			pages = append(pages, Written{State(page.state), *(*Address)(unsafe.Pointer(&page.contract)), content})
		}
	}
	node, err := m.build(pages)
	finished = true
	if err != nil {
		fail(err)
		return 0
	}
	c := &calls{node: node}
	m.parts = append(m.parts, c)
	return C.uintptr_t(cgo.NewHandle(c))
}

//export subvmGoRelease
func subvmGoRelease(context C.uintptr_t) {
	cgo.Handle(context).Delete()
}

func checked(build func(pages []Written) (Node, error), check func(C.uintptr_t) *C.subvm_error_t) error {
	m := &maker{build: build}
	handle := cgo.NewHandle(m)
	defer handle.Delete()
	err := failure(check(C.uintptr_t(handle)))
	for _, c := range m.parts {
		var panicked *PanicError
		if errors.As(c.cause, &panicked) {
			return panicked
		}
	}
	var failed *Error
	if errors.As(err, &failed) && m.cause != nil {
		failed.cause = m.cause
	}
	return err
}

// CheckStorage tells the first promise of Storage that does not hold, as an error of CodePromise. build gives a storage that holds exactly the
// pages it is given, of which later ones replace earlier ones.
func CheckStorage(build func(pages []Written) (Storage, error)) error {
	return checked(func(pages []Written) (Node, error) {
		storage, err := build(pages)
		return Node{Storage: storage}, err
	}, func(maker C.uintptr_t) *C.subvm_error_t { return C.subvm_go_check_storage(maker) })
}

// CheckClock tells the first promise of Clock that does not hold, as an error of CodePromise. build gives a clock for the same transaction each time.
func CheckClock(build func() (Clock, error)) error {
	return checked(func([]Written) (Node, error) {
		clock, err := build()
		return Node{Clock: clock}, err
	}, func(maker C.uintptr_t) *C.subvm_error_t { return C.subvm_go_check_clock(maker) })
}

// CheckRng tells the first promise of Rng that does not hold, as an error of CodePromise. build gives a new generator each time.
func CheckRng(build func() (Rng, error)) error {
	return checked(func([]Written) (Node, error) {
		rng, err := build()
		return Node{Rng: rng}, err
	}, func(maker C.uintptr_t) *C.subvm_error_t { return C.subvm_go_check_rng(maker) })
}

// CheckHost tells the first promise of Host that does not hold, as an error of CodePromise. contract has code in both states, and nobody has none;
// build gives a host for the same chain at the same height each time.
func CheckHost(contract, nobody Address, build func() (Host, error)) error {
	there, none := address(contract), address(nobody)
	return checked(func([]Written) (Node, error) {
		host, err := build()
		return Node{Host: host}, err
	}, func(maker C.uintptr_t) *C.subvm_error_t { return C.subvm_go_check_host(&there, &none, maker) })
}

// CheckModules tells the first promise of Modules that does not hold, as an error of CodePromise. request is the canonical calldata of a request
// that is answered, with a result or with an error; unknown that of a request to a module which is not there, nil where all are. build gives the
// modules of a new run each time. What the world answers is not judged, but for its form.
func CheckModules(request, unknown []byte, build func() (Modules, error)) error {
	var memory arena
	defer memory.free()
	lent, other := memory.bytes(request), memory.bytes(unknown)
	return checked(func([]Written) (Node, error) {
		modules, err := build()
		return Node{Modules: modules}, err
	}, func(maker C.uintptr_t) *C.subvm_error_t { return C.subvm_go_check_modules(lent, other, maker) })
}
