// A node in one file: all that a run asks of one, a leader, two validators, a node that catches up, their votes, and a store that receipts are
// applied to.
//
//	go run ./example/node ../../examples/oracle/oracle.wasm wasmtime
//
// The contract asks the web for a price. Here the web is a page in memory, so that nothing leaves the process.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	subvm "github.com/subvm/subvm/host-std/bindings/go"
)

// 2026-01-01T00:00:00Z, in nanoseconds: the block's instant, which all nodes agree on.
const now = 1767225600000000000

var (
	contract = address(0xc0)
	sender   = address(0x5e)
)

func address(fill byte) (a subvm.Address) {
	for i := range a {
		a[i] = fill
	}
	return
}

// Store holds pages in the order in which they were written.
type Store struct {
	pages []subvm.Written
}

// Read implements subvm.Storage.
func (s *Store) Read(state subvm.State, contract subvm.Address, slot subvm.Slot, index uint32, into []byte) error {
	for i := range into {
		into[i] = 0
	}
	for _, written := range s.pages {
		// What is only accepted does not show in the finalized state.
		hidden := state == subvm.Finalized && written.State == subvm.Accepted
		if hidden || written.Contract != contract || written.Page.Slot != slot {
			continue
		}
		for i, value := range written.Page.Content {
			if at := int64(written.Page.Number)*32 + int64(i) - int64(index); at >= 0 && at < int64(len(into)) {
				into[at] = value
			}
		}
	}
	return nil
}

// Apply applies a receipt that the nodes decided on: all of its pages, or, where the run failed, none.
func (s *Store) Apply(receipt *subvm.Receipt) {
	for _, page := range receipt.Pages {
		s.pages = append(s.pages, subvm.Written{State: subvm.Accepted, Contract: contract, Page: page})
	}
}

// BlockClock is the block's instant, and the machine's time for deadlines.
type BlockClock struct {
	started time.Time
}

// TransactionTime implements subvm.Clock.
func (BlockClock) TransactionTime() uint64 { return now }

// Elapsed implements subvm.Clock.
func (c BlockClock) Elapsed() time.Duration { return time.Since(c.started) }

// SystemRng is the operating system's generator.
type SystemRng struct{}

// Fill implements subvm.Rng.
func (SystemRng) Fill(into []byte) error {
	_, err := rand.Read(into)
	return err
}

// Chain has one contract, and no money.
type Chain struct {
	code *subvm.Package
	out  func(text string)
}

// Balance implements subvm.Host.
func (Chain) Balance(subvm.State, subvm.Address) (subvm.Uint256, error) { return subvm.Uint256{}, nil }

// Code implements subvm.Host.
func (c Chain) Code(_ subvm.State, address subvm.Address) (subvm.Code, error) {
	if address == contract {
		return subvm.Code{Package: c.code}, nil
	}
	return subvm.Code{}, nil
}

// LockedSlots implements subvm.Host.
func (Chain) LockedSlots(subvm.Address) ([]subvm.Slot, error) { return nil, nil }

// EthCall implements subvm.Host.
func (Chain) EthCall(subvm.State, subvm.Address, []byte) (subvm.EthAnswer, error) {
	return subvm.EthAnswer{Kind: subvm.EthRefused}, nil
}

// Output implements subvm.Host. A guest prints as much as it pays for; this is enough to see.
func (c Chain) Output(_ subvm.Stream, bytes []byte) {
	if len(bytes) > 80 {
		bytes = bytes[:80]
	}
	c.out(string(bytes))
}

// Web is one page. Whatever a node asks in its place, goroutines do it between Start and Wait.
type Web struct {
	next  uint64
	ready map[uint64][]byte
}

// NewWeb is the web of one run.
func NewWeb() *Web { return &Web{ready: map[uint64][]byte{}} }

// Start implements subvm.Modules.
func (w *Web) Start(request []byte) (uint64, error) {
	text, err := subvm.DecodeText(request)
	if err != nil {
		return 0, err
	}
	if !strings.HasPrefix(text, `{"WebRequest":`) {
		return 0, errors.New("this node has no such module")
	}
	answer, err := subvm.EncodeText(`{"ok": {"body": b#3130312e3235, "headers": {}, "status": 200}}`)
	if err != nil {
		return 0, err
	}
	w.next++
	w.ready[w.next] = answer
	return w.next, nil
}

// Wait implements subvm.Modules.
func (w *Web) Wait(id uint64, _ time.Duration) ([]byte, bool, error) {
	answer, there := w.ready[id]
	if !there {
		return nil, false, errors.New("no such request")
	}
	delete(w.ready, id)
	return answer, true, nil
}

// Cancel implements subvm.Modules.
func (w *Web) Cancel(id uint64) { delete(w.ready, id) }

// Network is what all nodes of the demonstration have in common.
type Network struct {
	engine *subvm.Engine
	code   *subvm.Package
	params []byte
	out    func(text string)
}

// Run runs one transaction on the node that has this store.
func (n *Network) Run(store *Store, message []byte, role subvm.Role, fromLeader []byte) (*subvm.Report, error) {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Minute)
	defer stop()
	node := subvm.Node{
		Storage: store,
		Clock:   BlockClock{time.Now()},
		Rng:     SystemRng{},
		Host:    Chain{n.code, n.out},
		Modules: NewWeb(),
	}
	transaction := subvm.Transaction{Message: message, Params: n.params, Role: role, FromLeader: fromLeader}
	return n.engine.Run(ctx, node, transaction)
}

// Transact runs one transaction on all nodes: the leader proposes, validators check and vote, one catches up, all apply.
func (n *Network) Transact(stores *[4]Store, call string) error {
	message, err := messageOf(call)
	if err != nil {
		return err
	}
	leader, err := n.Run(&stores[0], message, subvm.Leader, nil)
	if err != nil {
		return err
	}
	if err := show("leader", leader); err != nil {
		return err
	}
	receipt := leader.Receipt
	for i, name := range []string{"leader", "validator 1", "validator 2", "catching up"} {
		role, sent := subvm.Validator, receipt.Proposal
		switch i {
		case 0:
			continue
		case 3:
			role, sent = subvm.Sync, receipt.Bytes
		}
		own, err := n.Run(&stores[i], message, role, sent)
		if err != nil {
			return err
		}
		if err := show(name, own); err != nil {
			return err
		}
		if err := vote(own, receipt); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for i := range stores {
		stores[i].Apply(receipt)
	}
	return nil
}

// vote is a validator's two rounds: it commits to a ballot before it sees the leader's receipt, and opens it afterwards.
func vote(own *subvm.Report, leader *subvm.Receipt) error {
	ballot, err := own.Ballot(leader.Proposal)
	if err != nil {
		return err
	}
	about, err := subvm.ProposalDigest(leader.Proposal)
	if err != nil {
		return err
	}
	key := []byte("the validator's public key")
	var salt [32]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return err
	}
	commitment, err := ballot.Commit(about, key, salt)
	if err != nil {
		return err
	}
	opens, err := commitment.Opens(ballot, about, key, salt)
	if err != nil {
		return err
	}
	agrees, err := ballot.Agrees(leader.Digest)
	if err != nil {
		return err
	}
	cast, why, err := own.Vote(leader.Bytes)
	if err != nil {
		return err
	}
	if !opens || !agrees || cast != subvm.Agree {
		return fmt.Errorf("it does not agree: %s", why)
	}
	fmt.Printf("  vote     %s\n", why)
	return nil
}

func messageOf(call string) ([]byte, error) {
	calldata, err := subvm.EncodeText(call)
	if err != nil {
		return nil, err
	}
	return subvm.Message{Contract: contract, Sender: sender, Origin: sender, EntryData: calldata}.Encode()
}

func show(name string, report *subvm.Report) error {
	fmt.Println(name)
	if outcome := report.Outcome; outcome[0] == 0 {
		value, err := subvm.DecodeText(outcome[1:])
		if err != nil {
			return err
		}
		fmt.Printf("  return   %s\n", value)
	} else {
		fmt.Printf("  failed   %s\n", outcome[1:])
	}
	gas := report.Receipt.Gas
	fmt.Printf("  gas      %d time, %d storage, %d data\n", gas.Time, gas.Storage, gas.Data)
	fmt.Printf("  receipt  %x\n", report.Receipt.Digest)
	return nil
}

func open(file, engine string) (*Network, error) {
	wasm, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	code, err := subvm.NewPackage(subvm.Parts{Start: wasm})
	if err != nil {
		return nil, err
	}
	params, err := subvm.DefaultParams().Encode()
	if err != nil {
		return nil, err
	}
	kind, known := map[string]subvm.EngineKind{"wasmtime": subvm.Wasmtime, "wasmi": subvm.Wasmi, "tiered": subvm.Tiered}[engine]
	if !known {
		return nil, fmt.Errorf("no engine is called %q: wasmtime, wasmi, tiered", engine)
	}
	made, err := subvm.NewEngine(subvm.EngineOptions{Kind: kind})
	if err != nil {
		return nil, err
	}
	return &Network{made, code, params, func(text string) { fmt.Printf("  > %s", text) }}, nil
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: node CONTRACT.wasm wasmtime|wasmi|tiered")
	}
	network, err := open(os.Args[1], os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	var stores [4]Store
	for _, call := range []string{
		`{"method": "ask", "url": "https://example.org/price"}`,
		`{"method": "get"}`,
		`{"method": "fail", "message": "as you asked"}`,
	} {
		if err := network.Transact(&stores, call); err != nil {
			log.Fatal(err)
		}
	}
}
