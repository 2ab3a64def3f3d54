package subvm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

var page3 = Page{Slot: Slot{7}, Number: 3, Content: [32]byte{1, 2, 3}}

func read(t *testing.T, from Storage) [32]byte {
	t.Helper()
	var content [32]byte
	if err := from.Read(Accepted, Address{5}, page3.Slot, 32*page3.Number, content[:]); err != nil {
		t.Fatal(err)
	}
	return content
}

func TestALedgerKeepsBlocks(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "ledger")
	if _, err := OpenLedger("", LedgerOptions{}); codeOf(t, err) != CodeArgument {
		t.Error(err)
	}
	if _, err := OpenLedger(directory, LedgerOptions{CacheBytes: 5}); codeOf(t, err) != CodeArgument || !strings.Contains(err.Error(), "1 MiB") {
		t.Error(err)
	}
	ledger := must[*Ledger](t)(OpenLedger(directory, LedgerOptions{CacheBytes: 1 << 24, History: 10}))
	if _, err := OpenLedger(directory, LedgerOptions{}); codeOf(t, err) != CodeLocked {
		t.Error(err)
	}
	block := []Applied{{Address{5}, []Page{page3}}, {Address{6}, nil}}
	if err := ledger.Apply(4, block); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"a block below": ledger.Apply(3, block), "a prune of what is not final": ledger.Prune(3),
	} {
		if codeOf(t, err) != CodeHeight {
			t.Error(what, err)
		}
	}
	if err := ledger.Apply(5, []Applied{{Address{5}, []Page{{Number: 1 << 27}}}}); codeOf(t, err) != CodeArgument {
		t.Error(err)
	}
	now, then := must[*Snapshot](t)(ledger.Snapshot()), must[*Snapshot](t)(ledger.SnapshotAt(3))
	if read(t, now) != page3.Content || read(t, then) != [32]byte{} {
		t.Error("snapshots do not show their heights")
	}
	if _, err := ledger.SnapshotAt(5); codeOf(t, err) != CodeHeight {
		t.Error(err)
	}
	root := must[Digest](t)(now.Root(4))
	proof := must[[]byte](t)(now.Prove(4, Address{5}, page3.Slot, 3))
	if must[[32]byte](t)(ProofPage(proof, root, Address{5}, page3.Slot, 3)) != page3.Content {
		t.Error("the proof is of something else")
	}
	if _, err := ProofPage(proof, Digest{1}, Address{5}, page3.Slot, 3); codeOf(t, err) != CodeRefused {
		t.Error(err)
	}
	if _, err := ProofPage(nil, root, Address{5}, page3.Slot, 3); codeOf(t, err) != CodeFormat {
		t.Error(err)
	}
	if err := ledger.Compact(); codeOf(t, err) != CodeArgument {
		t.Error(err)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	if err := now.Backup(backup); err != nil {
		t.Fatal(err)
	}
	if err := now.Backup(backup); codeOf(t, err) != CodeArgument {
		t.Error(err)
	}
	if err := now.Backup(directory); codeOf(t, err) != CodeLocked {
		t.Error("onto itself:", err)
	}
	now.Close()
	then.Close()
	for _, err := range []error{ledger.Finalize(2), ledger.Rollback(3), ledger.Compact()} {
		if err != nil {
			t.Error(err)
		}
	}
	if err := ledger.Rollback(1); codeOf(t, err) != CodeHeight {
		t.Error(err)
	}
	if found := must[Heights](t)(ledger.Heights()); found != (Heights{3, 2, 0}) {
		t.Error(found)
	}
	ledger.Close()
	copied := must[*Ledger](t)(OpenLedger(backup, LedgerOptions{Unverified: true}))
	defer copied.Close()
	snapshot := must[*Snapshot](t)(copied.Snapshot())
	defer snapshot.Close()
	if must[Digest](t)(snapshot.Root(4)) != root {
		t.Error("the backup is of something else")
	}
}

func TestALedgerKeepsTheRulesOfItsBlocks(t *testing.T) {
	ledger := must[*Ledger](t)(LedgerInMemory())
	defer ledger.Close()
	first, second := DefaultParams(), DefaultParams()
	second.Fingerprints = false
	encoded := [2][]byte{must[[]byte](t)(first.Encode()), must[[]byte](t)(second.Encode())}
	rules := func(from uint64) []byte {
		return must[[]byte](t)(EncodeRules([]RuleSet{{1, encoded[0]}, {from, encoded[1]}}))
	}
	if err := ledger.SetRules(rules(100)); err != nil {
		t.Fatal(err)
	}
	if err := ledger.Apply(50, nil); err != nil {
		t.Fatal(err)
	}
	if err := ledger.SetRules(rules(40)); codeOf(t, err) != CodeHeight {
		t.Error(err)
	}
	snapshot := must[*Snapshot](t)(ledger.Snapshot())
	defer snapshot.Close()
	kept := must[[]byte](t)(snapshot.Rules())
	for height, params := range map[uint64][]byte{1: encoded[0], 99: encoded[0], 100: encoded[1]} {
		if string(must[[]byte](t)(RulesAt(kept, height))) != string(params) {
			t.Error(height)
		}
	}
	if _, err := RulesAt(kept, 0); codeOf(t, err) != CodeHeight {
		t.Error(err)
	}
	if _, err := EncodeRules(nil); codeOf(t, err) != CodeArgument {
		t.Error(err)
	}
}

// What was closed refuses, what it held lives as long as somebody uses it, and nothing is freed twice.
func TestWhatIsClosedRefuses(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "ledger")
	ledger := must[*Ledger](t)(OpenLedger(directory, LedgerOptions{}))
	snapshot := must[*Snapshot](t)(ledger.Snapshot())
	ledger.Close()
	ledger.Close()
	_, heights := ledger.Heights()
	_, again := ledger.Snapshot()
	for what, err := range map[string]error{
		"apply": ledger.Apply(1, nil), "finalize": ledger.Finalize(1), "rollback": ledger.Rollback(0), "prune": ledger.Prune(0),
		"rules": ledger.SetRules(nil), "compact": ledger.Compact(), "heights": heights, "snapshot": again,
	} {
		if codeOf(t, err) != CodeArgument || !strings.Contains(err.Error(), "the ledger was closed") {
			t.Error(what, err)
		}
	}
	// The snapshot holds the ledger: it reads, and the file is not free yet.
	read(t, snapshot)
	if _, err := OpenLedger(directory, LedgerOptions{}); codeOf(t, err) != CodeLocked {
		t.Error(err)
	}
	snapshot.Close()
	snapshot.Close()
	_, rules := snapshot.Rules()
	_, root := snapshot.Root(0)
	_, proof := snapshot.Prove(0, Address{}, Slot{}, 0)
	_, far := snapshot.Heights()
	for what, err := range map[string]error{
		"read": snapshot.Read(Accepted, Address{}, Slot{}, 0, make([]byte, 8)), "rules": rules, "root": root, "proof": proof,
		"heights": far, "backup": snapshot.Backup(directory + "2"),
	} {
		if codeOf(t, err) != CodeArgument || !strings.Contains(err.Error(), "the snapshot was closed") {
			t.Error(what, err)
		}
	}
	must[*Ledger](t)(OpenLedger(directory, LedgerOptions{})).Close()
}

// A snapshot that is closed while a run reads it is an error of the run's; one that nobody holds is collected; and so with many at once.
func TestClosingMeetsUse(t *testing.T) {
	ledger, engine, leads := must[*Ledger](t)(LedgerInMemory()), engineOf(t, Wasmi), transaction(t)
	snapshot := must[*Snapshot](t)(ledger.Snapshot())
	node := parts{code: Code{Package: packageOf(t, empty)}, asked: snapshot.Close}
	mixed := node.node()
	mixed.Storage = snapshot
	if _, err := engine.Run(context.Background(), mixed, leads); err != nil && codeOf(t, err) != CodeHost {
		t.Error(err)
	}
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			for round := 0; round < 20; round++ {
				one, err := ledger.Snapshot()
				if err != nil {
					if codeOf(t, err) != CodeArgument {
						t.Error(err)
					}
					return
				}
				if i%2 == 0 {
					go one.Close()
				}
				if _, err := one.Heights(); err != nil && codeOf(t, err) != CodeArgument {
					t.Error(err)
				}
				if i == 7 && round == 10 {
					ledger.Close()
				}
				runtime.GC()
			}
		}(i)
	}
	all.Wait()
}

func TestARunIsRecordedAndRunAgain(t *testing.T) {
	engine, pack, leads := engineOf(t, Wasmi), packageOf(t, empty), transaction(t)
	node := parts{code: Code{Package: pack}}
	alone := must[*Report](t)(engine.Run(context.Background(), node.node(), leads))
	file := filepath.Join(t.TempDir(), "run.rec")
	memory := must[*Recording](t)(NewRecording(RecordingOptions{}))
	onDisk := must[*Recording](t)(NewRecording(RecordingOptions{File: file, Code: true, EachCall: true}))
	if _, err := NewRecording(RecordingOptions{File: file}); codeOf(t, err) != CodeIO || !strings.Contains(err.Error(), file) {
		t.Error(err)
	}
	if _, err := memory.Ended(); codeOf(t, err) != CodeArgument || len(memory.Bytes()) != 0 {
		t.Error(err)
	}
	var recorded [2]Recorded
	for i, recording := range []*Recording{memory, onDisk} {
		leads.Recording = recording
		report := must[*Report](t)(engine.Run(context.Background(), node.node(), leads))
		if report.Receipt.Digest != alone.Receipt.Digest {
			t.Error("a recording changes the receipt")
		}
		if _, err := engine.Run(context.Background(), node.node(), leads); codeOf(t, err) != CodeArgument {
			t.Error("a recording has two runs:", err)
		}
		recorded[i] = must[Recorded](t)(recording.Ended())
		if !recorded[i].Complete || recorded[i].Why != "" || recorded[i].Bytes == 0 {
			t.Error(recorded[i])
		}
	}
	if recorded[0].Trace != recorded[1].Trace || uint64(len(memory.Bytes())) != recorded[0].Bytes || len(onDisk.Bytes()) != 0 {
		t.Error(recorded)
	}
	for _, again := range []Replay{{Recording: memory.Bytes(), Packages: []*Package{pack}}, {File: file}} {
		replayed := must[*Replayed](t)(engine.Replay(again))
		if replayed.Verdict != VerdictSame || replayed.Report == nil || replayed.Trace != recorded[0].Trace || replayed.Error != 0 {
			t.Error(replayed)
		} else if replayed.Report.Receipt.Digest != alone.Receipt.Digest {
			t.Error("a replay comes to something else")
		}
	}
	if replayed := must[*Replayed](t)(engine.Replay(Replay{Recording: memory.Bytes()})); replayed.Verdict != VerdictNoPackage || replayed.Report != nil {
		t.Error(replayed)
	}
	damaged := memory.Bytes()
	damaged[len(damaged)/2] ^= 1
	for code, wrong := range map[ErrorCode]Replay{
		CodeArgument: {}, CodeFormat: {Recording: []byte("a text")}, CodeIO: {File: file + "2"}, CodeDamaged: {Recording: damaged},
	} {
		if _, err := engine.Replay(wrong); codeOf(t, err) != code {
			t.Error(code, err)
		}
	}
	if _, err := engine.Replay(Replay{Packages: []*Package{nil}}); codeOf(t, err) != CodeArgument {
		t.Error(err)
	}
	// What the node failed with comes back through a recording, too, and the recording has it.
	gone := errors.New("the disk is gone")
	leads.Recording = must[*Recording](t)(NewRecording(RecordingOptions{}))
	node.err = gone
	if _, err := engine.Run(context.Background(), node.node(), leads); !errors.Is(err, gone) {
		t.Error(err)
	}
	if must[Recorded](t)(leads.Recording.Ended()).Calls != 0 {
		t.Error("a run that never began its contract made calls")
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
