package subvm

// #include <subvm_host.h>
import "C"

import "unsafe"

// Message is the transaction, as every node knows it.
type Message struct {
	// Contract runs.
	Contract Address
	// Sender called it.
	Sender Address
	// Origin signed the transaction.
	Origin Address
	// Signer is the account whose key signed, where the chain tells it apart.
	Signer *Address
	// Stack are the callers of nested view calls, outermost first.
	Stack []Address
	// ChainID names the chain.
	ChainID Uint256
	// Value was sent along.
	Value Uint256
	// IsInit: whether this run deploys the contract.
	IsInit bool
	// EntryData is the calldata of the method call.
	EntryData []byte
}

// Encode gives the canonical bytes, which Transaction.Message takes, and nodes hand to each other.
func (m Message) Encode() ([]byte, error) {
	var memory arena
	defer memory.free()
	message := (*C.subvm_message_t)(memory.array(1, unsafe.Sizeof(C.subvm_message_t{})))
	*message = C.subvm_message_t{
		size:     C.size_t(unsafe.Sizeof(*message)),
		contract: address(m.Contract), sender: address(m.Sender), origin: address(m.Origin),
		chain_id: word(m.ChainID), value: word(m.Value),
		is_init: C.bool(m.IsInit), entry_data: memory.bytes(m.EntryData),
		stack_len: C.size_t(len(m.Stack)),
	}
	message.stack = (*C.subvm_address_t)(memory.array(len(m.Stack), unsafe.Sizeof(C.subvm_address_t{})))
	copy(unsafe.Slice((*Address)(unsafe.Pointer(message.stack)), len(m.Stack)), m.Stack)
	if m.Signer != nil {
		message.signer = (*C.subvm_address_t)(memory.copied(m.Signer[:]))
	}
	return filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t { return C.subvm_message_encode(message, buffer) })
}

// MessageDigest is BLAKE3 of the canonical bytes of a message, which are checked.
func MessageDigest(message []byte) (Digest, error) {
	var memory arena
	defer memory.free()
	var digest C.subvm_word_t
	err := failure(C.subvm_message_digest(memory.bytes(message), &digest))
	return unword(digest), err
}
