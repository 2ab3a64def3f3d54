package subvm

// #include <subvm_host.h>
import "C"

import (
	"runtime"
	"unsafe"
)

// Package is a contract's code, checked. It never changes.
type Package struct {
	pointer *C.subvm_package_t
}

// Named is a name and some bytes: a library and its module, a file's path and its content, a variable and its value.
type Named struct {
	Name    string
	Content []byte
}

// Parts are what a package is made of. Only Start must be there.
type Parts struct {
	// Start is the module whose entry is called.
	Start []byte
	// Libraries are modules linked before it, in this order.
	Libraries []Named
	// Files, by absolute path.
	Files []Named
	// Directories are paths of directories that are there though no file is below them.
	Directories []string
	// Roots are paths of directories that are announced beside "/".
	Roots []string
	// Args are the arguments.
	Args []string
	// Env is the environment.
	Env []Named
}

func (a *arena) named(list []Named) (*C.subvm_named_t, C.size_t) {
	array := (*C.subvm_named_t)(a.array(len(list), unsafe.Sizeof(C.subvm_named_t{})))
	for i, item := range list {
		unsafe.Slice(array, len(list))[i] = C.subvm_named_t{name: a.bytes([]byte(item.Name)), content: a.bytes(item.Content)}
	}
	return array, C.size_t(len(list))
}

func (a *arena) texts(list []string) (*C.subvm_bytes_t, C.size_t) {
	array := (*C.subvm_bytes_t)(a.array(len(list), unsafe.Sizeof(C.subvm_bytes_t{})))
	for i, item := range list {
		unsafe.Slice(array, len(list))[i] = a.bytes([]byte(item))
	}
	return array, C.size_t(len(list))
}

// NewPackage makes a package of its parts. It is an error of CodeRefused where the rules do not allow it: to consensus that is a malformed
// contract, Code.Malformed.
func NewPackage(of Parts) (*Package, error) {
	var memory arena
	defer memory.free()
	parts := (*C.subvm_parts_t)(memory.array(1, unsafe.Sizeof(C.subvm_parts_t{})))
	parts.size = C.size_t(unsafe.Sizeof(*parts))
	parts.start = memory.bytes(of.Start)
	parts.libraries, parts.libraries_len = memory.named(of.Libraries)
	parts.files, parts.files_len = memory.named(of.Files)
	parts.directories, parts.directories_len = memory.texts(of.Directories)
	parts.roots, parts.roots_len = memory.texts(of.Roots)
	parts.args, parts.args_len = memory.texts(of.Args)
	parts.env, parts.env_len = memory.named(of.Env)
	return packaged(func(to **C.subvm_package_t) *C.subvm_error_t { return C.subvm_package_new(parts, to) })
}

// ReadBundle reads a bundle: what DeployContract carries as code. It is an error of CodeFormat where it is none: to consensus that is a malformed
// contract, Code.Malformed.
func ReadBundle(bundle []byte) (*Package, error) {
	var memory arena
	defer memory.free()
	lent := memory.bytes(bundle)
	return packaged(func(to **C.subvm_package_t) *C.subvm_error_t { return C.subvm_package_from_bundle(lent, to) })
}

func packaged(call func(**C.subvm_package_t) *C.subvm_error_t) (*Package, error) {
	var pointer *C.subvm_package_t
	if err := failure(call(&pointer)); err != nil {
		return nil, err
	}
	made := &Package{pointer}
	runtime.SetFinalizer(made, func(p *Package) { C.subvm_package_free(p.pointer) })
	return made, nil
}

// Bundle is the package as a bundle, of which it has one only.
func (p *Package) Bundle() ([]byte, error) {
	defer runtime.KeepAlive(p)
	return filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t { return C.subvm_package_to_bundle(p.pointer, buffer) })
}

// Digest is what nodes name the package by.
func (p *Package) Digest() (Digest, error) {
	defer runtime.KeepAlive(p)
	var digest C.subvm_word_t
	err := failure(C.subvm_package_digest(p.pointer, &digest))
	return unword(digest), err
}
