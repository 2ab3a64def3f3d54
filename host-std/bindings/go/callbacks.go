package subvm

/*
#include <stdbool.h>
#include <stdint.h>
#include <subvm_host.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime/cgo"
	"time"
	"unsafe"
)

// calls is what the contexts of one run's tables stand for: the node's parts, and what their callbacks left behind.
type calls struct {
	node Node
	// cause is the first error that a part returned, or its panic.
	cause error
	// packages live until the run has ended.
	packages []*Package
}

func callsOf(context C.uintptr_t) *calls {
	return cgo.Handle(context).Value().(*calls)
}

// guarded calls a part. What it returns or panics with goes into buffer, where there is one, and is kept: nothing unwinds into C, but for
// runtime.Goexit, which nobody can stop.
func (c *calls) guarded(buffer *C.subvm_buffer_t, call func() error) (status C.int32_t) {
	// What recover gives does not tell: it is nil after panic(nil), in a module of Go before 1.21.
	finished := false
	defer func() {
		if !finished {
			status = c.failed(buffer, &PanicError{recover()})
		}
	}()
	err := call()
	finished = true
	if err != nil {
		return c.failed(buffer, err)
	}
	return 0
}

func (c *calls) failed(buffer *C.subvm_buffer_t, err error) C.int32_t {
	var panicked *PanicError
	// A panic outweighs errors: it is a bug of the node's.
	if c.cause == nil || errors.As(err, &panicked) {
		c.cause = err
	}
	say(buffer, err)
	return 1
}

func say(buffer *C.subvm_buffer_t, err error) {
	text := []byte(err.Error())
	if buffer != nil && len(text) > 0 {
		C.subvm_buffer_append(buffer, (*C.uint8_t)(unsafe.Pointer(&text[0])), C.size_t(len(text)))
	}
}

func put(buffer *C.subvm_buffer_t, bytes []byte) {
	if len(bytes) > 0 {
		C.subvm_buffer_append(buffer, (*C.uint8_t)(unsafe.Pointer(&bytes[0])), C.size_t(len(bytes)))
	}
}

func lent(bytes C.subvm_bytes_t) []byte {
	return view(unsafe.Pointer(bytes.data), bytes.len)
}

//export subvmGoRead
func subvmGoRead(context C.uintptr_t, state C.uint32_t, contract *C.subvm_address_t, slot *C.subvm_word_t, index C.uint32_t, into *C.uint8_t, length C.size_t, buffer *C.subvm_buffer_t) C.int32_t {
	c := callsOf(context)
	return c.guarded(buffer, func() error {
		contract, slot := *(*Address)(unsafe.Pointer(contract)), *(*Slot)(unsafe.Pointer(slot))
		return c.node.Storage.Read(State(state), contract, slot, uint32(index), view(unsafe.Pointer(into), length))
	})
}

//export subvmGoTransactionTime
func subvmGoTransactionTime(context C.uintptr_t) (nanos C.uint64_t) {
	c := callsOf(context)
	c.guarded(nil, func() error {
		nanos = C.uint64_t(c.node.Clock.TransactionTime())
		return nil
	})
	return nanos
}

//export subvmGoElapsed
func subvmGoElapsed(context C.uintptr_t) (nanos C.uint64_t) {
	c := callsOf(context)
	c.guarded(nil, func() error {
		elapsed := c.node.Clock.Elapsed()
		if elapsed < 0 {
			return fmt.Errorf("Clock.Elapsed gave %v, which is before its moment", elapsed)
		}
		nanos = C.uint64_t(elapsed)
		return nil
	})
	return nanos
}

//export subvmGoFill
func subvmGoFill(context C.uintptr_t, into *C.uint8_t, length C.size_t, buffer *C.subvm_buffer_t) C.int32_t {
	c := callsOf(context)
	cause := c.cause
	status := c.guarded(buffer, func() error {
		return c.node.Rng.Fill(view(unsafe.Pointer(into), length))
	})
	// An error of it is errno io to a guest, and no end of the run; a panic is.
	var panicked *PanicError
	if !errors.As(c.cause, &panicked) {
		c.cause = cause
	}
	return status
}

//export subvmGoBalance
func subvmGoBalance(context C.uintptr_t, state C.uint32_t, address *C.subvm_address_t, balance *C.subvm_word_t, buffer *C.subvm_buffer_t) C.int32_t {
	c := callsOf(context)
	return c.guarded(buffer, func() error {
		found, err := c.node.Host.Balance(State(state), *(*Address)(unsafe.Pointer(address)))
		*balance = word(found)
		return err
	})
}

//export subvmGoCode
func subvmGoCode(context C.uintptr_t, state C.uint32_t, address *C.subvm_address_t, pack **C.subvm_package_t, malformed *C.uint32_t, buffer *C.subvm_buffer_t) C.int32_t {
	c := callsOf(context)
	return c.guarded(buffer, func() error {
		code, err := c.node.Host.Code(State(state), *(*Address)(unsafe.Pointer(address)))
		if err != nil {
			return err
		}
		*malformed = C.uint32_t(code.Malformed)
		if code.Package != nil {
			c.packages = append(c.packages, code.Package)
			*pack = code.Package.pointer
		}
		return nil
	})
}

//export subvmGoLockedSlots
func subvmGoLockedSlots(context C.uintptr_t, contract *C.subvm_address_t, slots *C.subvm_buffer_t, buffer *C.subvm_buffer_t) C.int32_t {
	c := callsOf(context)
	return c.guarded(buffer, func() error {
		locked, err := c.node.Host.LockedSlots(*(*Address)(unsafe.Pointer(contract)))
		for _, slot := range locked {
			put(slots, slot[:])
		}
		return err
	})
}

//export subvmGoEthCall
func subvmGoEthCall(context C.uintptr_t, state C.uint32_t, address *C.subvm_address_t, calldata C.subvm_bytes_t, answer *C.uint32_t, data *C.subvm_buffer_t, buffer *C.subvm_buffer_t) C.int32_t {
	c := callsOf(context)
	return c.guarded(buffer, func() error {
		answered, err := c.node.Host.EthCall(State(state), *(*Address)(unsafe.Pointer(address)), lent(calldata))
		*answer = C.uint32_t(answered.Kind)
		put(data, answered.Data)
		return err
	})
}

//export subvmGoOutput
func subvmGoOutput(context C.uintptr_t, stream C.uint32_t, bytes C.subvm_bytes_t) {
	c := callsOf(context)
	c.guarded(nil, func() error {
		c.node.Host.Output(Stream(stream), lent(bytes))
		return nil
	})
}

//export subvmGoStart
func subvmGoStart(context C.uintptr_t, request C.subvm_bytes_t, id *C.uint64_t, buffer *C.subvm_buffer_t) C.int32_t {
	c := callsOf(context)
	return c.guarded(buffer, func() error {
		started, err := c.node.Modules.Start(lent(request))
		*id = C.uint64_t(started)
		return err
	})
}

//export subvmGoWait
func subvmGoWait(context C.uintptr_t, id C.uint64_t, atMostNanos C.uint64_t, ready *C.bool, answer *C.subvm_buffer_t, buffer *C.subvm_buffer_t) C.int32_t {
	c := callsOf(context)
	return c.guarded(buffer, func() error {
		atMost := time.Duration(1<<63 - 1)
		if uint64(atMostNanos) < uint64(atMost) {
			atMost = time.Duration(atMostNanos)
		}
		result, done, err := c.node.Modules.Wait(uint64(id), atMost)
		*ready = C.bool(done)
		put(answer, result)
		return err
	})
}

//export subvmGoCancel
func subvmGoCancel(context C.uintptr_t, id C.uint64_t) {
	c := callsOf(context)
	c.guarded(nil, func() error {
		c.node.Modules.Cancel(uint64(id))
		return nil
	})
}
