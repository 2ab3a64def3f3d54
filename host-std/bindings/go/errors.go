package subvm

// #include <subvm_host.h>
import "C"

import "fmt"

// ErrorCode says what kind of thing went wrong.
type ErrorCode uint32

// The codes. Those from CodeDeadline on say that this node cannot say what a transaction comes to: it votes timeout.
const (
	// CodeArgument: an argument is wrong.
	CodeArgument ErrorCode = C.SUBVM_ERROR_ARGUMENT
	// CodeFormat: bytes are not what they should be.
	CodeFormat ErrorCode = C.SUBVM_ERROR_FORMAT
	// CodeRefused: a package breaks the rules; every node refuses it.
	CodeRefused ErrorCode = C.SUBVM_ERROR_REFUSED
	// CodeSetup: the engine cannot run on this machine.
	CodeSetup ErrorCode = C.SUBVM_ERROR_SETUP
	// CodePromise: a part of the node broke a promise, as the conformance kit found.
	CodePromise ErrorCode = C.SUBVM_ERROR_PROMISE
	// CodePanic: the library panicked, a bug of it.
	CodePanic ErrorCode = C.SUBVM_ERROR_PANIC
	// CodeLocked: a ledger is open elsewhere.
	CodeLocked ErrorCode = C.SUBVM_ERROR_LOCKED
	// CodeDamaged: a ledger or a recording is not what was written.
	CodeDamaged ErrorCode = C.SUBVM_ERROR_DAMAGED
	// CodeHeight: a block height does not fit what a ledger holds, or has no rules.
	CodeHeight ErrorCode = C.SUBVM_ERROR_HEIGHT
	// CodeIO: a file, its disk or the operating system failed.
	CodeIO ErrorCode = C.SUBVM_ERROR_IO
	// CodeRelease: another release wrote it, or can run it.
	CodeRelease ErrorCode = C.SUBVM_ERROR_RELEASE
	// CodeDeadline: the run's deadline passed.
	CodeDeadline ErrorCode = C.SUBVM_ERROR_DEADLINE
	// CodeHost: the node's storage, clock or host failed.
	CodeHost ErrorCode = C.SUBVM_ERROR_HOST
	// CodeModule: a web or model module failed, or is not there.
	CodeModule ErrorCode = C.SUBVM_ERROR_MODULE
	// CodeEngine: the engine or the operating system failed.
	CodeEngine ErrorCode = C.SUBVM_ERROR_ENGINE
	// CodeParams: the parameters are not supported, or the leader's are others.
	CodeParams ErrorCode = C.SUBVM_ERROR_PARAMS
	// CodeBug: a rule of the library was broken by itself.
	CodeBug ErrorCode = C.SUBVM_ERROR_BUG
	// CodeCancelled: the run was called off.
	CodeCancelled ErrorCode = C.SUBVM_ERROR_CANCELLED
)

// Error is what the library says went wrong. Find it with errors.As.
type Error struct {
	// Code is for programs.
	Code ErrorCode
	// Message is for people: what, where and why. It may change with any release.
	Message string
	// cause is the error that a part of the node returned, or the context's.
	cause error
}

func (e *Error) Error() string {
	return "subvm: " + e.Message
}

// Unwrap is the error that a part of the node returned, or that of the context that was done, where that is why.
func (e *Error) Unwrap() error {
	return e.cause
}

// NoResult tells whether a run came to no result on this node, which votes timeout then. Where it is false the run did not begin.
func (e *Error) NoResult() bool {
	return e.Code >= CodeDeadline
}

// PanicError is a panic of a part of the node during a run, which has no result then.
type PanicError struct {
	// Value is what was given to panic; nil, too.
	Value any
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("subvm: a part of the node panicked: %v", e.Value)
}

// failure takes over an error of the library's.
func failure(err *C.subvm_error_t) error {
	if err == nil {
		return nil
	}
	defer C.subvm_error_free(err)
	return &Error{Code: ErrorCode(C.subvm_error_code(err)), Message: C.GoString(C.subvm_error_message(err))}
}
