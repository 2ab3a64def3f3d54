// A sketch of a contract in Go (1.24 or later), or in TinyGo: each call adds one, and returns the count. It shows the imports; docs/spec/sdk.md
// has all of them.
//
//	GOOS=wasip1 GOARCH=wasm go build -ldflags='-s -w' -o counter.wasm counter.go
//	tinygo build -target=wasip1 -opt=z -no-debug -o counter.wasm counter.go
package main

import "unsafe"

//go:wasmimport genlayer_sdk storage_read
func storageRead(slot unsafe.Pointer, index uint32, into unsafe.Pointer, len uint32) uint32

//go:wasmimport genlayer_sdk storage_write
func storageWrite(slot unsafe.Pointer, index uint32, from unsafe.Pointer, len uint32) uint32

//go:wasmimport genlayer_sdk gl_call
func glCall(request unsafe.Pointer, len uint32, result unsafe.Pointer) uint32

// {"Return": n}: a map of one entry, the key's length and text, then the integer, the lowest bits first (docs/spec/calldata.md).
func returns(n uint64) {
	request := append([]byte{0x0e, 6}, "Return"...)
	group := byte(n&0xf)<<3 | 1
	for n >>= 4; n != 0; n >>= 7 {
		request = append(request, group|0x80)
		group = byte(n & 0x7f)
	}
	request = append(request, group)
	var none uint32
	glCall(unsafe.Pointer(&request[0]), uint32(len(request)), unsafe.Pointer(&none)) // ends the run
}

func main() {
	var slot [32]byte
	var count uint64
	if storageRead(unsafe.Pointer(&slot), 0, unsafe.Pointer(&count), 8) != 0 {
		panic("storage_read was refused")
	}
	count++
	if storageWrite(unsafe.Pointer(&slot), 0, unsafe.Pointer(&count), 8) != 0 {
		panic("storage_write was refused")
	}
	returns(count)
}
