package subvm

// #include <subvm_host.h>
import "C"

import (
	"runtime"
	"time"
	"unsafe"
)

// EngineKind says how modules are run. Receipts are the same.
type EngineKind uint32

const (
	// Wasmtime compiles: what a node has.
	Wasmtime EngineKind = C.SUBVM_ENGINE_WASMTIME
	// Wasmi interprets: nothing is compiled, and runs take some ten times as long.
	Wasmi EngineKind = C.SUBVM_ENGINE_WASMI
	// Tiered interprets until modules have been compiled in the background.
	Tiered EngineKind = C.SUBVM_ENGINE_TIERED
)

// EngineOptions are what an engine is to be. The zero value is the default; none of it changes a receipt.
type EngineOptions struct {
	// Kind says how modules are run.
	Kind EngineKind
	// Cache is a directory that keeps compiled modules; empty: they are kept in memory only. It is made where it is missing, and nobody else may
	// write to it.
	Cache string
	// CacheBytes is the most that the directory may hold; 0: 1 GiB.
	CacheBytes uint64
	// CompileTime is how long a run waits for a module to be compiled; 0: five minutes.
	CompileTime time.Duration
	// CompileMemory is the bytes of memory beyond which a module is not compiled, by an estimate; 0: what chains accept is the bound.
	CompileMemory uint64
}

// Engine runs contracts. One is enough for a process.
type Engine struct {
	pointer *C.subvm_engine_t
}

// NewEngine makes an engine. It is an error of CodeSetup where the machine does not allow it.
func NewEngine(options EngineOptions) (*Engine, error) {
	var memory arena
	defer memory.free()
	chosen := (*C.subvm_engine_options_t)(memory.array(1, unsafe.Sizeof(C.subvm_engine_options_t{})))
	*chosen = C.subvm_engine_options_t{
		size: C.size_t(unsafe.Sizeof(*chosen)),
		kind: C.uint32_t(options.Kind), cache: memory.bytes([]byte(options.Cache)), cache_bytes: C.uint64_t(options.CacheBytes),
		compile_nanos: C.uint64_t(options.CompileTime), compile_memory: C.uint64_t(options.CompileMemory),
	}
	var pointer *C.subvm_engine_t
	if err := failure(C.subvm_engine_new(chosen, &pointer)); err != nil {
		return nil, err
	}
	engine := &Engine{pointer}
	runtime.SetFinalizer(engine, func(e *Engine) { C.subvm_engine_free(e.pointer) })
	return engine, nil
}

// Prepare validates and compiles the modules of a package under parameters (canonical bytes), and keeps them: what a node does when a contract
// is deployed, so that no run has to. It gives what a chain charges for it, in ticks, which is the same on every node. Wasmi has no such thing.
//
// It is an error of CodeRefused where the package cannot run on any node; else this node failed.
func (e *Engine) Prepare(pack *Package, params []byte) (uint64, error) {
	defer runtime.KeepAlive(e)
	defer runtime.KeepAlive(pack)
	var memory arena
	defer memory.free()
	var ticks C.uint64_t
	err := failure(C.subvm_engine_prepare(e.pointer, pack.pointer, memory.bytes(params), &ticks))
	return uint64(ticks), err
}
