package subvm

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// (module (func (export "_start"))), and the same with (loop (br 0)) in it.
var (
	empty = []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x04\x01\x02\x00\x0b")
	loop  = []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x09\x01\x07\x00\x03\x40\x0c\x00\x0b\x0b")
)

// parts is a node that does what it is told.
type parts struct {
	code    Code
	err     error
	panics  any
	elapsed time.Duration
	asked   func()
	fill    byte
}

func (p *parts) Read(_ State, _ Address, _ Slot, _ uint32, into []byte) error {
	for i := range into {
		into[i] = p.fill
	}
	return nil
}
func (p *parts) TransactionTime() uint64 {
	if p.panics != nil {
		panic(p.panics)
	}
	return 5
}
func (p *parts) Elapsed() time.Duration                            { return p.elapsed }
func (p *parts) Fill(into []byte) error                            { return errors.New("there is no generator") }
func (p *parts) Balance(State, Address) (Uint256, error)           { return Uint256{}, nil }
func (p *parts) Code(State, Address) (Code, error)                 { return p.code, p.err }
func (p *parts) EthCall(State, Address, []byte) (EthAnswer, error) { return EthAnswer{}, nil }
func (p *parts) Output(Stream, []byte)                             {}
func (p *parts) Start([]byte) (uint64, error)                      { return 0, errors.New("there are no modules") }
func (p *parts) Wait(uint64, time.Duration) ([]byte, bool, error) {
	return nil, false, errors.New("nothing was started")
}
func (p *parts) Cancel(uint64) {}
func (p *parts) LockedSlots(Address) ([]Slot, error) {
	if p.asked != nil {
		p.asked()
	}
	return []Slot{{1}}, nil
}

func (p *parts) node() Node { return Node{p, p, p, p, p} }

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func packageOf(t *testing.T, wasm []byte) *Package {
	t.Helper()
	return must[*Package](t)(NewPackage(Parts{Start: wasm}))
}

func engineOf(t *testing.T, kind EngineKind) *Engine {
	t.Helper()
	return must[*Engine](t)(NewEngine(EngineOptions{Kind: kind}))
}

// transaction is a leader's, with time gas for hours.
func transaction(t *testing.T) Transaction {
	t.Helper()
	params := DefaultParams()
	params.GasTime = 1 << 50
	message := Message{Signer: &Address{3}, Stack: []Address{{4}}, ChainID: Uint256{9}, EntryData: []byte{0}}
	return Transaction{Message: must[[]byte](t)(message.Encode()), Params: must[[]byte](t)(params.Encode())}
}

func codeOf(t *testing.T, err error) ErrorCode {
	t.Helper()
	var failed *Error
	if !errors.As(err, &failed) {
		t.Fatalf("%v is no *Error", err)
	}
	return failed.Code
}

func TestARunReturns(t *testing.T) {
	engine, pack := engineOf(t, Wasmtime), packageOf(t, empty)
	leads := transaction(t)
	if ticks := must[uint64](t)(engine.Prepare(pack, leads.Params)); ticks == 0 {
		t.Error("to compile a module is for nothing")
	}
	node := parts{code: Code{Package: pack}}
	report := must[*Report](t)(engine.Run(context.Background(), node.node(), leads))
	if !report.Receipt.Returned || string(report.Outcome) != "\x00\x00" {
		t.Errorf("it came to %q", report.Outcome)
	}
	if report.Receipt.Params != must[Digest](t)(ParamsDigest(leads.Params)) {
		t.Error("the receipt is for other parameters")
	}
	back := must[*Receipt](t)(ReadReceipt(report.Receipt.Bytes))
	if back.Digest != report.Receipt.Digest {
		t.Error("a receipt is another one when it is read")
	}
	vote, why, err := report.Vote(back.Bytes)
	if vote != Agree || err != nil {
		t.Errorf("%v %q %v", vote, why, err)
	}
}

func TestWhatANodeFailsWithComesBack(t *testing.T) {
	engine, gone := engineOf(t, Wasmi), errors.New("the disk is gone")
	node := parts{err: gone}
	_, err := engine.Run(context.Background(), node.node(), transaction(t))
	if codeOf(t, err) != CodeHost || !errors.Is(err, gone) || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("%v", err)
	}
	ballot := must[Ballot](t)((*Report)(nil).Ballot(proposal(t)))
	if len(ballot) != 1 || ballot[0] != 2 {
		t.Errorf("without a report a node votes timeout, not %x", ballot)
	}
}

func proposal(t *testing.T) []byte {
	t.Helper()
	node := parts{code: Code{Package: packageOf(t, empty)}}
	return must[*Report](t)(engineOf(t, Wasmi).Run(context.Background(), node.node(), transaction(t))).Receipt.Proposal
}

func TestAPanicOfANodeStaysInGo(t *testing.T) {
	engine, node := engineOf(t, Wasmi), parts{code: Code{Package: packageOf(t, empty)}, panics: "number 5"}
	_, err := engine.Run(context.Background(), node.node(), transaction(t))
	var panicked *PanicError
	if !errors.As(err, &panicked) || panicked.Value != "number 5" {
		t.Errorf("%v", err)
	}
}

// In a module of Go before 1.21, recover gives nil for it.
func TestAPanicWithNilIsOne(t *testing.T) {
	node := parts{code: Code{Package: packageOf(t, empty)}, asked: func() { panic(nil) }}
	report, err := engineOf(t, Wasmi).Run(context.Background(), node.node(), transaction(t))
	var panicked *PanicError
	if report != nil || !errors.As(err, &panicked) || !strings.Contains(err.Error(), "nil") {
		t.Errorf("%v %v", report, err)
	}
	panicked = nil
	if err = CheckRng(func() (Rng, error) { panic(nil) }); !errors.As(err, &panicked) {
		t.Errorf("%v", err)
	}
}

// A method must not do so: what it holds of the library is lost. But nothing is left behind that uses memory which was freed.
func TestAMethodThatEndsItsGoroutineLeavesNoWatcher(t *testing.T) {
	engine, leads, before := engineOf(t, Wasmi), transaction(t), runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	node := parts{code: Code{Package: packageOf(t, empty)}, asked: runtime.Goexit}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		engine.Run(ctx, node.node(), leads)
		t.Error("Run returned")
	}()
	<-ended
	for wait := time.Millisecond; runtime.NumGoroutine() > before; wait *= 2 {
		if wait > time.Second {
			t.Fatalf("%d goroutines, and %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(wait)
	}
}

func TestAContractThatBreaksTheRulesHasAResult(t *testing.T) {
	node := parts{code: Code{Malformed: InvalidEnv}}
	report := must[*Report](t)(engineOf(t, Wasmi).Run(context.Background(), node.node(), transaction(t)))
	if string(report.Outcome) != "\x02invalid_contract env" || report.Receipt.Returned {
		t.Errorf("%q", report.Outcome)
	}
	if _, err := NewPackage(Parts{Files: []Named{{Name: "relative"}}}); codeOf(t, err) != CodeRefused {
		t.Errorf("%v", err)
	}
	if _, err := ReadBundle([]byte("no bundle")); codeOf(t, err) != CodeFormat {
		t.Errorf("%v", err)
	}
}

func TestAContextCallsARunOff(t *testing.T) {
	for _, kind := range []EngineKind{Wasmtime, Wasmi, Tiered} {
		ctx, cancel := context.WithCancel(context.Background())
		// The run has begun.
		node := parts{code: Code{Package: packageOf(t, loop)}, asked: func() { time.AfterFunc(20*time.Millisecond, cancel) }}
		_, err := engineOf(t, kind).Run(ctx, node.node(), transaction(t))
		if codeOf(t, err) != CodeCancelled || !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	node := parts{code: Code{Package: packageOf(t, loop)}}
	if _, err := engineOf(t, Wasmi).Run(ctx, node.node(), transaction(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestWrongArgumentsAreErrors(t *testing.T) {
	engine, right := engineOf(t, Wasmi), transaction(t)
	node := parts{code: Code{Package: packageOf(t, empty)}}
	for name, wrong := range map[string]func(*Transaction, *Node){
		"role":     func(t *Transaction, _ *Node) { t.Role = 9 },
		"entry":    func(t *Transaction, _ *Node) { t.Entry = 9 },
		"state":    func(t *Transaction, _ *Node) { t.State = 9 },
		"message":  func(t *Transaction, _ *Node) { t.Message = nil },
		"params":   func(t *Transaction, _ *Node) { t.Params = []byte{1} },
		"proposal": func(t *Transaction, _ *Node) { t.Role = Validator },
		"deadline": func(t *Transaction, _ *Node) { t.Deadline = -1 },
		"part":     func(_ *Transaction, n *Node) { n.Clock = nil },
	} {
		changed, parts := right, node.node()
		wrong(&changed, &parts)
		report, err := engine.Run(context.Background(), parts, changed)
		if code := codeOf(t, err); report != nil || (code != CodeArgument && code != CodeFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	params := DefaultParams()
	params.Schedule = 99
	if _, err := params.Encode(); codeOf(t, err) != CodeParams {
		t.Errorf("%v", err)
	}
}

func TestParametersAreTheirOwn(t *testing.T) {
	digest := func(change func(*Params)) Digest {
		params := DefaultParams()
		change(&params)
		return must[Digest](t)(ParamsDigest(must[[]byte](t)(params.Encode())))
	}
	plain := digest(func(*Params) {})
	for name, change := range map[string]func(*Params){
		"floats":      func(p *Params) { p.Floats = FloatsTrap },
		"profile":     func(p *Params) { p.Profile = ProfileGenVM02 },
		"personality": func(p *Params) { p.Personality = PersonalityProgram },
		"genvm":       func(p *Params) { p.Personality = PersonalityGenVM },
		"gas":         func(p *Params) { p.GasData++ },
		"nothing":     func(p *Params) { p.RefusedEnv = []string{} },
		"a pattern":   func(p *Params) { p.RefusedEnv = []string{"LD_*"} },
	} {
		if digest(change) == plain {
			t.Errorf("%s changes nothing", name)
		}
	}
}

func TestPackagesAndCalldataComeBack(t *testing.T) {
	pack := must[*Package](t)(NewPackage(Parts{
		Start: empty, Libraries: []Named{{"math", empty}}, Files: []Named{{"/data/x", []byte("1")}}, Directories: []string{"/empty"},
		Roots: []string{"/data"}, Args: []string{"prog", "--flag"}, Env: []Named{{"TZ", []byte("CET")}},
	}))
	back := must[*Package](t)(ReadBundle(must[[]byte](t)(pack.Bundle())))
	if must[Digest](t)(back.Digest()) != must[Digest](t)(pack.Digest()) {
		t.Error("a package is another one when it is read")
	}
	const text = `{"data":b#beef,"to":addr#0102030405060708090a0b0c0d0e0f1011121314}`
	if found := must[string](t)(DecodeText(must[[]byte](t)(EncodeText(text)))); found != text {
		t.Errorf("%s", found)
	}
	if _, err := EncodeText("[1.5]"); codeOf(t, err) != CodeFormat {
		t.Errorf("%v", err)
	}
}

func TestTheKitFindsWhatIsBroken(t *testing.T) {
	err := CheckStorage(func([]Written) (Storage, error) { return &parts{fill: 7}, nil })
	if codeOf(t, err) != CodePromise || !strings.Contains(err.Error(), "bytes never written are zero") {
		t.Errorf("%v", err)
	}
	err = CheckClock(func() (Clock, error) { return &parts{panics: "no time"}, nil })
	var panicked *PanicError
	if !errors.As(err, &panicked) {
		t.Errorf("%v", err)
	}
	full := errors.New("no room")
	if err = CheckRng(func() (Rng, error) { return nil, full }); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

// Many runs at once, while what nobody has any more is collected.
func TestManyAtOnce(t *testing.T) {
	engine, pack, leads := engineOf(t, Wasmtime), packageOf(t, empty), transaction(t)
	var all sync.WaitGroup
	digests := make([]Digest, 16)
	for i := range digests {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			for round := 0; round < 4; round++ {
				// Asked on the goroutine that runs, whose stack may move meanwhile.
				node := parts{code: Code{Package: pack}, asked: func() { runtime.GC(); deep(64) }}
				report, err := engine.Run(context.Background(), node.node(), leads)
				if err != nil {
					t.Error(err)
					return
				}
				digests[i] = report.Receipt.Digest
			}
		}(i)
	}
	all.Wait()
	for _, digest := range digests {
		if digest != digests[0] {
			t.Errorf("%x and %x", digest, digests[0])
		}
	}
}

// deep takes much of a stack.
func deep(calls int) byte {
	var room [4096]byte
	if calls == 0 {
		return room[0]
	}
	return deep(calls-1) + room[calls]
}
