package main

import (
	"testing"
	"time"

	subvm "github.com/subvm/subvm/host-std/bindings/go"
)

func encoded(t *testing.T, text string) []byte {
	t.Helper()
	calldata, err := subvm.EncodeText(text)
	if err != nil {
		t.Fatal(err)
	}
	return calldata
}

// Whoever writes a node has the kit check its parts.
func TestItKeepsThePromises(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	must(subvm.CheckStorage(func(pages []subvm.Written) (subvm.Storage, error) { return &Store{pages}, nil }))
	must(subvm.CheckClock(func() (subvm.Clock, error) { return BlockClock{time.Now()}, nil }))
	must(subvm.CheckRng(func() (subvm.Rng, error) { return SystemRng{}, nil }))
	code, err := subvm.NewPackage(subvm.Parts{Start: []byte("\x00asm\x01\x00\x00\x00")})
	must(err)
	must(subvm.CheckHost(contract, sender, func() (subvm.Host, error) { return Chain{code, func(string) {}}, nil }))
	request := encoded(t, `{"WebRequest": {"url": "https://example.org/price"}}`)
	unknown := encoded(t, `{"ExecPrompt": {"prompt": "a price?"}}`)
	must(subvm.CheckModules(request, unknown, func() (subvm.Modules, error) { return NewWeb(), nil }))
}

// Nodes of different engines come to the same receipts; that they are Rust's is a test beside the library (c/tests/go.rs).
func TestEnginesAgree(t *testing.T) {
	message, err := messageOf(`{"method": "ask", "url": "https://example.org/price"}`)
	if err != nil {
		t.Fatal(err)
	}
	var first *subvm.Receipt
	for _, engine := range []string{"wasmtime", "wasmi", "tiered"} {
		network, err := open("../../../../examples/oracle/oracle.wasm", engine)
		if err != nil {
			t.Fatal(err)
		}
		network.out = func(string) {}
		report, err := network.Run(&Store{}, message, subvm.Leader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = report.Receipt
		}
		if report.Receipt.Digest != first.Digest {
			t.Errorf("%s comes to %x, and wasmtime to %x", engine, report.Receipt.Digest, first.Digest)
		}
		if len(report.Receipt.Pages) == 0 || len(report.Receipt.Messages) != 1 || len(report.Receipt.Nondet) != 1 {
			t.Errorf("%s: the oracle writes, tells and asks once: %+v", engine, report.Receipt)
		}
	}
}
