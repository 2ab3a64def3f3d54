package subvm

// #include <subvm_host.h>
import "C"

// Gas is what a run used.
type Gas struct {
	// Time is in ticks.
	Time uint64
	// Storage is in pages.
	Storage uint64
	// Data is in bytes.
	Data uint64
}

// Page is one that a run wrote: 32 bytes of a slot, from byte 32 * Number on.
type Page struct {
	Slot    Slot
	Number  uint32
	Content [32]byte
}

// Receipt is what a run came to, as all nodes agree on it.
type Receipt struct {
	// Bytes are its canonical ones.
	Bytes []byte
	// Digest is BLAKE3 of them: two nodes agree where theirs are equal.
	Digest Digest
	// Proposal is what a leader with this receipt sends first: all that a validator needs.
	Proposal []byte
	// Params is the digest of the consensus parameters.
	Params Digest
	// Message is the digest of the message that the contract found, the transaction's instant in it.
	Message Digest
	// Returned: whether the pages and messages count.
	Returned bool
	// Result is as Report.Outcome; a failure's has a fingerprint in it, where the parameters ask for it.
	Result []byte
	// Gas is what the run used.
	Gas Gas
	// Pages that the run wrote, ascending by slot and number: none unless it returned.
	Pages []Page
	// Messages are the requests that the run made to the chain, which carries them out, as calldata: none unless it returned.
	Messages [][]byte
	// Nondet are the results of non-deterministic blocks, as the leader posted them.
	Nondet [][]byte
}

// ReadReceipt reads a receipt that another node wrote. Nothing in it is believed beyond its shape. It is an error of CodeFormat where it is none.
func ReadReceipt(bytes []byte) (*Receipt, error) {
	var memory arena
	defer memory.free()
	var pointer *C.subvm_receipt_t
	if err := failure(C.subvm_receipt_from_bytes(memory.bytes(bytes), &pointer)); err != nil {
		return nil, err
	}
	defer C.subvm_receipt_free(pointer)
	return receiptOf(pointer), nil
}

func receiptOf(pointer *C.subvm_receipt_t) *Receipt {
	gas := C.subvm_receipt_gas(pointer)
	receipt := &Receipt{
		Bytes:    copied(C.subvm_receipt_bytes(pointer)),
		Digest:   unword(C.subvm_receipt_digest(pointer)),
		Proposal: copied(C.subvm_receipt_proposal(pointer)),
		Params:   unword(C.subvm_receipt_params(pointer)),
		Message:  unword(C.subvm_receipt_message_digest(pointer)),
		Returned: bool(C.subvm_receipt_returned(pointer)),
		Result:   copied(C.subvm_receipt_result(pointer)),
		Gas:      Gas{Time: uint64(gas.time), Storage: uint64(gas.storage), Data: uint64(gas.data)},
	}
	var page C.subvm_page_t
	for i := C.size_t(0); bool(C.subvm_receipt_page(pointer, i, &page)); i++ {
		receipt.Pages = append(receipt.Pages, Page{unword(page.slot), uint32(page.page), unword(page.content)})
	}
	for i := C.size_t(0); i < C.subvm_receipt_messages_len(pointer); i++ {
		receipt.Messages = append(receipt.Messages, copied(C.subvm_receipt_message(pointer, i)))
	}
	for i := C.size_t(0); i < C.subvm_receipt_nondet_len(pointer); i++ {
		receipt.Nondet = append(receipt.Nondet, copied(C.subvm_receipt_nondet(pointer, i)))
	}
	return receipt
}
