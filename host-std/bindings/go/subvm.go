// Package subvm runs untrusted WebAssembly for blockchain nodes, deterministic to the byte. It is a layer over libsubvm, which it is linked to
// with cgo: README.md says how.
//
// A node implements five interfaces (Storage, Clock, Rng, Host, Modules), gives them to Engine.Run with a Transaction, and gets a Report: its
// Receipt is what nodes vote on and apply. The package's example, in example/node, is a whole one.
//
// Engines, packages, reports and receipts may be used by any number of goroutines at once. What libsubvm holds for them is given back when they
// are collected.
package subvm

/*
#cgo CFLAGS: -I${SRCDIR}/../c/include
#cgo LDFLAGS: -lsubvm
#include <stdlib.h>
#include <subvm_host.h>
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Address is that of an account or a contract.
type Address [20]byte

// Slot names a storage slot within a contract.
type Slot [32]byte

// Digest is a BLAKE3.
type Digest [32]byte

// Uint256 is a 256-bit integer, low byte first: a balance, a value.
type Uint256 [32]byte

// ABIVersion is the version of the library's interface that this package was written for.
const ABIVersion = C.SUBVM_ABI_VERSION

// The linked library may be another one than the header that this was compiled with.
func init() {
	if found := uint32(C.subvm_abi_version()); found != ABIVersion {
		panic(fmt.Sprintf("subvm: libsubvm has interface %d, and this program was compiled for %d: build it against the library's own header", found, ABIVersion))
	}
}

// Version is the release of the library, as "0.1.0".
func Version() string {
	return C.GoString(C.subvm_version())
}

// EncodeText makes canonical calldata of a text: JSON without floats, and beside it `b#beef` for bytes and `addr#<40 digits>` for addresses.
func EncodeText(text string) ([]byte, error) {
	var memory arena
	defer memory.free()
	return filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t {
		return C.subvm_calldata_from_text(memory.bytes([]byte(text)), buffer)
	})
}

// DecodeText is the text of canonical calldata, as EncodeText reads it.
func DecodeText(calldata []byte) (string, error) {
	var memory arena
	defer memory.free()
	text, err := filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t {
		return C.subvm_calldata_to_text(memory.bytes(calldata), buffer)
	})
	return string(text), err
}

// arena holds what a call of the library is lent: C's memory, since what is lent may not point to Go's.
type arena struct {
	pointers []unsafe.Pointer
}

func (a *arena) copied(bytes []byte) unsafe.Pointer {
	pointer := C.CBytes(bytes)
	a.pointers = append(a.pointers, pointer)
	return pointer
}

func (a *arena) bytes(bytes []byte) C.subvm_bytes_t {
	if len(bytes) == 0 {
		return C.subvm_bytes_t{}
	}
	return C.subvm_bytes_t{data: (*C.uint8_t)(a.copied(bytes)), len: C.size_t(len(bytes))}
}

// array is room for so many elements of a size, filled with zeros.
func (a *arena) array(count int, size uintptr) unsafe.Pointer {
	if count == 0 {
		return nil
	}
	pointer := C.calloc(C.size_t(count), C.size_t(size))
	if pointer == nil {
		panic("subvm: no memory")
	}
	a.pointers = append(a.pointers, pointer)
	return pointer
}

func (a *arena) free() {
	for _, pointer := range a.pointers {
		C.free(pointer)
	}
}

// filled is what call puts into a buffer.
func filled(call func(*C.subvm_buffer_t) *C.subvm_error_t) ([]byte, error) {
	buffer := C.subvm_buffer_new()
	defer C.subvm_buffer_free(buffer)
	if err := failure(call(buffer)); err != nil {
		return nil, err
	}
	return copied(C.subvm_buffer_bytes(buffer)), nil
}

// copied is a copy, for good, of what the library lends.
func copied(bytes C.subvm_bytes_t) []byte {
	return append([]byte{}, view(unsafe.Pointer(bytes.data), bytes.len)...)
}

// view is what a pointer lends, for as long as its owner does.
func view(data unsafe.Pointer, length C.size_t) []byte {
	if length == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(data), int(length))
}

func address(of Address) (to C.subvm_address_t) {
	*(*Address)(unsafe.Pointer(&to)) = of
	return
}

func word(of [32]byte) (to C.subvm_word_t) {
	*(*[32]byte)(unsafe.Pointer(&to)) = of
	return
}

func unword(of C.subvm_word_t) [32]byte {
	return *(*[32]byte)(unsafe.Pointer(&of))
}
