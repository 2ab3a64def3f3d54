/*
 * libsubvm: untrusted WebAssembly for blockchain nodes, from C and from whatever can call C.
 *
 * A node fills in five tables of functions (subvm_storage_t, subvm_clock_t, subvm_rng_t, subvm_host_t, subvm_modules_t), hands them to subvm_run
 * with a transaction, and gets a report: its receipt is what nodes vote on and apply. Where it wants no store of its own, it opens a subvm_ledger_t. What
 * it would look into later it records, and runs again with subvm_replay. README.md, in the directory above, is the guide, tests/node.c a node in one file,
 * tests/kept.c the same with a ledger and recordings, and tests/watched.c one that is watched while it runs.
 *
 * Errors. A function that can fail returns NULL where it succeeded, and else an error, which the caller frees with subvm_error_free. What it was to
 * write is then as it was. A panic of the library is caught and becomes SUBVM_ERROR_PANIC; nothing is thrown or unwinds through these functions, and
 * nothing may through callbacks: no C++ exception, no longjmp.
 *
 * Pointers.
 *   - No pointer may be NULL where its documentation does not say so; one that is, is SUBVM_ERROR_ARGUMENT. A pointer that is not NULL points to what
 *     its type says, and is aligned for it.
 *   - What an argument points to is borrowed: the library reads or writes it during the call, and keeps no pointer after it. Nobody else writes to it
 *     meanwhile.
 *   - What `subvm_<thing>_new`, `_from_` and subvm_run make belongs to the caller, who frees it with `subvm_<thing>_free`, once; NULL is allowed there.
 *     A pointer is written where the caller says; what it was before is not looked at.
 *   - subvm_bytes_t and const pointers that functions return belong to what they were asked of, and live as long as it does; those of a buffer, until
 *     the buffer changes.
 *   - What callbacks are handed lives until they return. They keep none of it, and free none of it.
 *
 * Structures that begin with `size` are refused where it is not that of this library: a program that was compiled against another header finds out at
 * the first call. Fill them with zeros first: what is added in a later version means the default where it is zero.
 *
 * Threads. Engines, packages, receipts, reports, ledgers, snapshots, recordings and cancel tokens may be used by any number of threads at once, and freed
 * by any; buffers and errors by one at a time. The callbacks of one run are never called two at once; on which thread is subvm_run_t.callbacks.
 */

#ifndef SUBVM_HOST_H
#define SUBVM_HOST_H

/* Made from the library's source: SUBVM_RECORD=1 cargo test --test header. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The version of this interface: what a program was compiled for. It changes where a program that was compiled before would go wrong.
#define SUBVM_ABI_VERSION 2

// Modules are compiled: what a node has.
#define SUBVM_ENGINE_WASMTIME 0

// Modules are interpreted: nothing is compiled, and runs take some ten times as long. Receipts are the same.
#define SUBVM_ENGINE_WASMI 1

// Modules are interpreted until they have been compiled in the background. Receipts are the same.
#define SUBVM_ENGINE_TIERED 2

// An argument is wrong: NULL where it may not be, a structure of another size, a number that means nothing.
#define SUBVM_ERROR_ARGUMENT 1

// Bytes are not what they should be: a bundle, a message, parameters, a receipt, a proposal, a ballot, calldata or its text.
#define SUBVM_ERROR_FORMAT 2

// A package breaks the rules: every node refuses it.
#define SUBVM_ERROR_REFUSED 3

// The engine cannot run on this machine, or cannot be made with these options.
#define SUBVM_ERROR_SETUP 4

// A part of the node broke a promise, as the conformance kit found.
#define SUBVM_ERROR_PROMISE 5

// The library panicked: a bug of it. Nothing unwound into the caller.
#define SUBVM_ERROR_PANIC 6

// A ledger is open elsewhere: in another process, or in this one.
#define SUBVM_ERROR_LOCKED 7

// A ledger or a recording is not what was written.
#define SUBVM_ERROR_DAMAGED 8

// A block height does not fit what a ledger holds, or has no rules. Nothing was changed.
#define SUBVM_ERROR_HEIGHT 9

// A file, its disk or the operating system failed. A ledger is then as it was before the call: make room or mend the disk, and open it again.
#define SUBVM_ERROR_IO 10

// Another release wrote it, or can run it: a ledger of another layout, a recording of another version, rules that this release does not have.
#define SUBVM_ERROR_RELEASE 11

// A run has no result on this node: its deadline passed. As all codes from here on, it makes the node vote *timeout*.
#define SUBVM_ERROR_DEADLINE 16

// A run has no result on this node: a callback of its storage, clock or host failed.
#define SUBVM_ERROR_HOST 17

// A run has no result on this node: a web or model module failed, or is not there.
#define SUBVM_ERROR_MODULE 18

// A run has no result on this node: the engine or the operating system failed.
#define SUBVM_ERROR_ENGINE 19

// A run has no result on this node: the parameters are not supported, or the leader's are others.
#define SUBVM_ERROR_PARAMS 20

// A run has no result on this node: a rule of the library was broken by itself.
#define SUBVM_ERROR_BUG 21

// A run has no result on this node: it was called off.
#define SUBVM_ERROR_CANCELLED 22

// This node cannot say how a transaction ends, or lost something.
#define SUBVM_LOG_WARN 2

// And a line for each transaction.
#define SUBVM_LOG_INFO 3

// And for each sub-VM, and each module that is compiled.
#define SUBVM_LOG_DEBUG 4

// And for each host call.
#define SUBVM_LOG_TRACE 5

// The state with all that was accepted, and may still be rolled back.
#define SUBVM_STATE_ACCEPTED 0

// The state with what was finalized only.
#define SUBVM_STATE_FINALIZED 1

// Descriptor 1 of a guest.
#define SUBVM_STREAM_STDOUT 0

// Descriptor 2 of a guest.
#define SUBVM_STREAM_STDERR 1

// `Trace` requests of a guest.
#define SUBVM_STREAM_TRACE 2

// A contract is not malformed.
#define SUBVM_INVALID_NOT 0

// A contract has a module that is not WebAssembly of the enabled features, or exceeds a limit.
#define SUBVM_INVALID_WASM_VALIDATING 1

// A contract has an import that nothing satisfies, or a bad module name.
#define SUBVM_INVALID_WASM_LINKING 2

// A contract has no entry.
#define SUBVM_INVALID_WASM_ENTRYPOINT 3

// A contract has arguments that the rules refuse.
#define SUBVM_INVALID_ARGS 4

// A contract has environment variables that the rules refuse.
#define SUBVM_INVALID_ENV 5

// A contract's package is malformed: what a bundle is that cannot be read.
#define SUBVM_INVALID_PACKAGE 6

// A call of the layer below was not made, and would be on no node.
#define SUBVM_ETH_REFUSED 0

// A call of the layer below returned.
#define SUBVM_ETH_RETURNED 1

// A call of the layer below reverted.
#define SUBVM_ETH_REVERTED 2

// A transaction begins; nothing was asked of the node yet. `contract` is the one that it is for.
#define SUBVM_EVENT_RUN_BEGINS 1

// A sub-VM is about to be entered: `contract`, `nondet`, `depth`, `permissions`, and its limit of time gas as `ticks`.
#define SUBVM_EVENT_SUB_VM_BEGINS 2

// The sub-VM that began last has ended, or could not be entered: `nondet`, time gas used as `ticks`, and `outcome`; or `error` and `text`.
#define SUBVM_EVENT_SUB_VM_ENDS 3

// The transaction has ended: `outcome`; or `error` and `text`.
#define SUBVM_EVENT_RUN_ENDS 4

// A sub-VM is reproduced to the byte.
#define SUBVM_MAY_BE_DETERMINISTIC 1

// A sub-VM reads storage and balances.
#define SUBVM_MAY_READ_STORAGE 2

// A sub-VM writes storage.
#define SUBVM_MAY_WRITE_STORAGE 4

// A sub-VM sends messages, deploys contracts and emits events.
#define SUBVM_MAY_SEND_MESSAGES 8

// A sub-VM calls other contracts.
#define SUBVM_MAY_CALL_OTHERS 16

// A sub-VM runs non-deterministic blocks.
#define SUBVM_MAY_SPAWN_NONDET 32

// Floats are IEEE 754 in integer arithmetic: the default.
#define SUBVM_FLOATS_SOFT 0

// To reach a float instruction is a trap.
#define SUBVM_FLOATS_TRAP 1

// Floats are the hardware's, with canonical NaNs.
#define SUBVM_FLOATS_CANONICAL 2

// The rules for contracts are subvm's own: the default.
#define SUBVM_PROFILE_SEED 0

// The rules for contracts are those of GenVM 0.1.
#define SUBVM_PROFILE_GENVM_0_1 1

// The rules for contracts are those of GenVM 0.2.
#define SUBVM_PROFILE_GENVM_0_2 2

// The rules for contracts are those of GenVM 0.3.
#define SUBVM_PROFILE_GENVM_0_3 3

// Files and processes read as the specification says to the letter: the default.
#define SUBVM_PERSONALITY_SEED 0

// Files and processes read as programs of stock libcs expect.
#define SUBVM_PERSONALITY_PROGRAM 1

// Files and processes read as GenVM 0.3 says.
#define SUBVM_PERSONALITY_GENVM 2

// A replayed run was the recorded one, to its end.
#define SUBVM_VERDICT_SAME 0

// It was the recorded one, as far as the recording goes, which was cut.
#define SUBVM_VERDICT_ENDS 1

// It was the recorded one, to where that was stopped by its deadline, its node or its engine.
#define SUBVM_VERDICT_STOPPED 2

// It does something else at some point: the module, the engine or the machine is not the recorded one.
#define SUBVM_VERDICT_DIFFERS 3

// It needs a package that the recording names and does not hold, and that was not given.
#define SUBVM_VERDICT_NO_PACKAGE 4

// Runs non-deterministic blocks and proposes their results.
#define SUBVM_ROLE_LEADER 0

// Checks the results that a leader proposed.
#define SUBVM_ROLE_VALIDATOR 1

// Takes the leader's results on trust: a node that catches up.
#define SUBVM_ROLE_SYNC 2

// The contract at the message's address runs, with all permissions: a transaction.
#define SUBVM_ENTRY_CONTRACT 0

// A plain program runs, deterministic: the package at the message's address.
#define SUBVM_ENTRY_PROGRAM 1

// A plain program runs, non-deterministic: the package at the message's address.
#define SUBVM_ENTRY_PROGRAM_NONDET 2

// Callbacks are called wherever the run is: on stacks of the engine's own (with 2 MiB of room) and, for sub-VMs within sub-VMs, on threads of its
// own; one at a time. For C and its like: it costs nothing.
#define SUBVM_CALLBACKS_ANYWHERE 0

// Callbacks are called on the thread that called subvm_run, on its own stack; the run is on another thread meanwhile. For languages whose run times
// look at stacks, as Go's: each callback costs two changes of threads, 6 microseconds of processor time.
#define SUBVM_CALLBACKS_ON_CALLER 1

// The receipts are the same.
#define SUBVM_VOTE_AGREE 0

// They differ.
#define SUBVM_VOTE_DISAGREE 1

// The node cannot say.
#define SUBVM_VOTE_TIMEOUT 2

// Bytes that grow. The library frees them: subvm_buffer_free for those that the caller made; those that a callback is handed live until it
// returns.
typedef struct subvm_buffer_t subvm_buffer_t;

// Calls runs off, from any thread. Free it with subvm_cancel_free; runs that have it may go on.
typedef struct subvm_cancel_t subvm_cancel_t;

// Runs contracts. One is enough for a process: any number of threads may use it at once. Free it with subvm_engine_free.
typedef struct subvm_engine_t subvm_engine_t;

// What went wrong. Who is given one frees it with subvm_error_free.
typedef struct subvm_error_t subvm_error_t;

// Where contracts' storage is: one file of an embedded database, of one process. What was finalized never changes again; what was accepted since can
// be rolled back. Each change is there as a whole or not at all, whenever the process is killed, and on disk when its function returned. Any number
// of threads may use it at once; runs read a snapshot of it. Free it with subvm_ledger_free. `docs/ledger.md` is for those who keep one.
typedef struct subvm_ledger_t subvm_ledger_t;

// A contract's code, checked: its modules, files, arguments and environment. It never changes; any number of threads may use it at once. Free it
// with subvm_package_free; runs that were given it may go on.
typedef struct subvm_package_t subvm_package_t;

// What a run came to, as all nodes agree on it. It never changes; what is asked of it lives as long as it does.
typedef struct subvm_receipt_t subvm_receipt_t;

// The recording of one run: give it to subvm_run_watched. Free it with subvm_recording_free.
typedef struct subvm_recording_t subvm_recording_t;

// What a run came to on this node. It never changes; what is asked of it lives as long as it does. Free it with subvm_report_free.
typedef struct subvm_report_t subvm_report_t;

// A ledger's state at one moment: what is applied later does not show. Any number of threads may use it, one at a time: threads that run at once
// take one each, which is cheap. It keeps space of the file from being used anew, so it should live no longer than a run. Free it with
// subvm_snapshot_free.
typedef struct subvm_snapshot_t subvm_snapshot_t;

// Some bytes that belong to somebody else. `data` may be NULL where `len` is 0.
//
// As an argument it is read during the call and not kept. As a result it lives as long as what it was asked of, and until that changes.
typedef struct subvm_bytes_t {
    // The first of them.
    const uint8_t *data;
    // How many.
    size_t len;
} subvm_bytes_t;

// An address: 20 bytes.
typedef struct subvm_address_t {
    // The bytes.
    uint8_t bytes[20];
} subvm_address_t;

// 32 bytes: a digest, a slot, a page, or a 256-bit integer, low byte first.
typedef struct subvm_word_t {
    // The bytes.
    uint8_t bytes[32];
} subvm_word_t;

// A page that a run wrote: 32 bytes of a slot, from byte 32 * `page` on.
typedef struct subvm_page_t {
    // The slot.
    struct subvm_word_t slot;
    // The page's number.
    uint32_t page;
    // Its bytes.
    struct subvm_word_t content;
} subvm_page_t;

// A page that a storage under test is to hold.
typedef struct subvm_written_t {
    // SUBVM_STATE_FINALIZED where both states hold it, SUBVM_STATE_ACCEPTED where it was accepted on top.
    uint32_t state;
    // The contract.
    struct subvm_address_t contract;
    // The page.
    struct subvm_page_t page;
} subvm_written_t;

// Reads contracts' storage as it was before the run. Nothing may be NULL but `context`.
//
// A callback returns 0 where it succeeded. Anything else is a failure of this node, which makes the run an error, and the node's vote a *timeout*;
// why, in UTF-8, goes into `error`.
typedef struct subvm_storage_t {
    // sizeof(subvm_storage_t).
    size_t size;
    // Handed to each callback.
    void *context;
    // Fills all `len` bytes of `into` from `slot` of `contract`, starting at byte `index`; `index + len` is at most 2^32. Bytes never written are
    // zero. The same arguments give the same bytes throughout a run.
    int32_t (*read)(void *context,
                    uint32_t state,
                    const struct subvm_address_t *contract,
                    const struct subvm_word_t *slot,
                    uint32_t index,
                    uint8_t *into,
                    size_t len,
                    struct subvm_buffer_t *error);
} subvm_storage_t;

// Tells time. Nothing may be NULL but `context`.
typedef struct subvm_clock_t {
    // sizeof(subvm_clock_t).
    size_t size;
    // Handed to each callback.
    void *context;
    // The transaction's instant, in nanoseconds since 1970-01-01T00:00:00Z: the same on every node, and throughout a run.
    uint64_t (*transaction_time)(void *context);
    // Nanoseconds since a fixed moment, never going backwards: for deadlines, never for results.
    uint64_t (*elapsed)(void *context);
} subvm_clock_t;

// Makes bytes that nobody can foresee, for non-deterministic mode. Nothing may be NULL but `context`.
typedef struct subvm_rng_t {
    // sizeof(subvm_rng_t).
    size_t size;
    // Handed to each callback.
    void *context;
    // Fills all `len` bytes of `into`; 0 where it did. Else the guest sees errno `io`, and the run goes on.
    int32_t (*fill)(void *context, uint8_t *into, size_t len, struct subvm_buffer_t *error);
} subvm_rng_t;

// Knows the chain, and takes what guests print. Nothing may be NULL but `context`. What callbacks return is as for subvm_storage_t, and every answer
// is the same on every node.
typedef struct subvm_host_t {
    // sizeof(subvm_host_t).
    size_t size;
    // Handed to each callback.
    void *context;
    // Writes the balance of `address`: an integer, low byte first. It holds 0 before.
    int32_t (*balance)(void *context,
                       uint32_t state,
                       const struct subvm_address_t *address,
                       struct subvm_word_t *balance,
                       struct subvm_buffer_t *error);
    // What stands at `address`: sets `package`, which stays the callback's own and must live until the run has ended; or sets `malformed` to
    // SUBVM_INVALID_*, for a contract that breaks the rules of packages; or leaves both as they are, NULL and SUBVM_INVALID_NOT, where there is no
    // contract.
    int32_t (*code)(void *context,
                    uint32_t state,
                    const struct subvm_address_t *address,
                    const struct subvm_package_t **package,
                    uint32_t *malformed,
                    struct subvm_buffer_t *error);
    // Appends to `slots` the slots of `contract` that a run may not write, 32 bytes each.
    int32_t (*locked_slots)(void *context,
                            const struct subvm_address_t *contract,
                            struct subvm_buffer_t *slots,
                            struct subvm_buffer_t *error);
    // A read-only call of the layer below: sets `answer` to SUBVM_ETH_*, which holds SUBVM_ETH_REFUSED before, and puts what it returned or reverted
    // with into `data`. A call that reverts is an answer, not a failure.
    int32_t (*eth_call)(void *context,
                        uint32_t state,
                        const struct subvm_address_t *address,
                        struct subvm_bytes_t calldata,
                        uint32_t *answer,
                        struct subvm_buffer_t *data,
                        struct subvm_buffer_t *error);
    // Takes what a guest printed to SUBVM_STREAM_*. What is not wanted is dropped; a host caps what it keeps.
    void (*output)(void *context, uint32_t stream, struct subvm_bytes_t bytes);
} subvm_host_t;

// Reaches the web and language models, for non-deterministic mode. Nothing may be NULL but `context`. What callbacks return is as for
// subvm_storage_t; what the world answers, failures included, is a result.
typedef struct subvm_modules_t {
    // sizeof(subvm_modules_t).
    size_t size;
    // Handed to each callback.
    void *context;
    // Starts a request without waiting for it: its canonical calldata, `{"<name>": {fields}}`. Sets `id`, unique within the run. A failure where
    // there is no such module.
    int32_t (*start)(void *context, struct subvm_bytes_t request, uint64_t *id, struct subvm_buffer_t *error);
    // Waits for a request, `at_most_nanos` long. Where it is done, sets `ready` and puts the canonical calldata of its result into `answer`,
    // `{"ok": ..}` or `{"error": ..}`; the number is spent then. Where it is not, leaves `ready` false. A failure where the number was never started,
    // or is spent.
    int32_t (*wait)(void *context,
                    uint64_t id,
                    uint64_t at_most_nanos,
                    bool *ready,
                    struct subvm_buffer_t *answer,
                    struct subvm_buffer_t *error);
    // Gives up a started request, whose result nobody will ask for.
    void (*cancel)(void *context, uint64_t id);
} subvm_modules_t;

// What an engine is to be. None of it changes a receipt. Where all but `size` is zero, it is the default.
typedef struct subvm_engine_options_t {
    // sizeof(subvm_engine_options_t).
    size_t size;
    // SUBVM_ENGINE_WASMTIME or another.
    uint32_t kind;
    // A directory that keeps compiled modules, as UTF-8; empty: they are kept in memory only. It is made where it is missing, and nobody else may
    // write to it.
    struct subvm_bytes_t cache;
    // The most bytes that the directory may hold; 0: 1 GiB.
    uint64_t cache_bytes;
    // Nanoseconds that a run waits for a module to be compiled; 0: five minutes.
    uint64_t compile_nanos;
    // Bytes of memory beyond which a module is not compiled, by an estimate; 0: what chains accept is the bound.
    uint64_t compile_memory;
} subvm_engine_options_t;

// How a ledger is opened. None of it changes what is in it. Where all but `size` is zero, it is the default.
typedef struct subvm_ledger_options_t {
    // sizeof(subvm_ledger_options_t).
    size_t size;
    // Bytes of the file that are kept in memory; 0: 1 GiB. Less than 1 MiB is an error.
    uint64_t cache_bytes;
    // Blocks below the finalized height whose states can still be read; some 200 bytes for each page that a block writes.
    uint64_t history;
    // Whether the file is not read through and verified first: for a file system that checks its content.
    bool unverified;
} subvm_ledger_options_t;

// How far a ledger is, in block heights. Height 0 is the empty state before the first block.
typedef struct subvm_heights_t {
    // The highest block that a receipt was applied for, or that was finalized.
    uint64_t accepted;
    // The highest finalized block.
    uint64_t finalized;
    // The lowest whose state can be read.
    uint64_t lowest;
} subvm_heights_t;

// What a transaction of a block wrote: the pages of `receipt`, or, where that is NULL, `pages`.
typedef struct subvm_applied_t {
    // The contract that the transaction was for.
    struct subvm_address_t contract;
    // Its receipt.
    const struct subvm_receipt_t *receipt;
    // Pages.
    const struct subvm_page_t *pages;
    // How many.
    size_t pages_len;
} subvm_applied_t;

// Where the log goes. What guests choose, such as the text of a user error, is no part of it.
typedef struct subvm_log_t {
    // sizeof(subvm_log_t).
    size_t size;
    // Handed to the callback. It lives as long as the process.
    void *context;
    // How much: SUBVM_LOG_WARN or another.
    uint32_t level;
    // Whether a line is a JSON object; else it is for people.
    bool json;
    // Takes a line, as UTF-8 and without its end. It may be called by any thread, by several at once, and on stacks of the engine: it is short, and
    // calls none of the library's functions.
    void (*line)(void *context, struct subvm_bytes_t line);
} subvm_log_t;

// The transaction, as every node knows it.
typedef struct subvm_message_t {
    // sizeof(subvm_message_t).
    size_t size;
    // The contract that runs.
    struct subvm_address_t contract;
    // Who called it.
    struct subvm_address_t sender;
    // Who signed the transaction.
    struct subvm_address_t origin;
    // The account whose key signed, where the chain tells it apart; NULL where it does not.
    const struct subvm_address_t *signer;
    // The callers of nested view calls, outermost first.
    const struct subvm_address_t *stack;
    // How many.
    size_t stack_len;
    // The chain: an integer, low byte first.
    struct subvm_word_t chain_id;
    // What was sent along: an integer, low byte first.
    struct subvm_word_t value;
    // Whether this run deploys the contract.
    bool is_init;
    // The calldata of the method call.
    struct subvm_bytes_t entry_data;
} subvm_message_t;

// A name and some bytes: a library and its module, a file's path and its content, a variable and its value. Names are UTF-8.
typedef struct subvm_named_t {
    // The name.
    struct subvm_bytes_t name;
    // The bytes.
    struct subvm_bytes_t content;
} subvm_named_t;

// What a package is made of. Where all but `size` and `start` is zero, it is one module.
typedef struct subvm_parts_t {
    // sizeof(subvm_parts_t).
    size_t size;
    // The module whose entry is called.
    struct subvm_bytes_t start;
    // Modules linked before it, in this order.
    const struct subvm_named_t *libraries;
    // How many.
    size_t libraries_len;
    // Files, by absolute path.
    const struct subvm_named_t *files;
    // How many.
    size_t files_len;
    // Paths of directories that are there though no file is below them.
    const struct subvm_bytes_t *directories;
    // How many.
    size_t directories_len;
    // Paths of directories that are announced beside `/`.
    const struct subvm_bytes_t *roots;
    // How many.
    size_t roots_len;
    // Arguments.
    const struct subvm_bytes_t *args;
    // How many.
    size_t args_len;
    // Variables of the environment.
    const struct subvm_named_t *env;
    // How many.
    size_t env_len;
} subvm_parts_t;

// What all nodes of a chain must have in common. subvm_params_default fills it in; `docs/spec/bundle.md` says what each means.
typedef struct subvm_params_t {
    // sizeof(subvm_params_t).
    size_t size;
    // SUBVM_FLOATS_SOFT or another.
    uint32_t floats;
    // SUBVM_PROFILE_SEED or another.
    uint32_t profile;
    // SUBVM_PERSONALITY_SEED or another.
    uint32_t personality;
    // The version of the price table.
    uint32_t schedule;
    // The version of lowering.
    uint32_t lowering;
    // Whether a failed run carries a fingerprint.
    bool fingerprints;
    // Whether modules may use exceptions.
    bool exceptions;
    // Bytes of RAM for each mode.
    uint64_t ram;
    // Stack units for each mode.
    uint64_t stack_units;
    // Bytes of one non-deterministic result.
    uint64_t nondet_result;
    // Time gas of the deterministic side, in ticks.
    uint64_t gas_time;
    // Time gas of all non-deterministic sub-VMs together, in ticks.
    uint64_t gas_time_nondet;
    // Storage gas, in pages.
    uint64_t gas_storage;
    // Data gas, in bytes.
    uint64_t gas_data;
    // Descriptors open at once.
    uint32_t open_fds;
    // Nested sub-VMs.
    uint32_t depth;
    // Non-deterministic blocks in a transaction.
    uint32_t nondet_blocks;
    // Innermost frames that a fingerprint lists.
    uint32_t fingerprint_frames;
    // Names that an environment may not hold, as patterns ("LD_*"). NULL: those of the default; none at all: any pointer, and a length of 0.
    const struct subvm_bytes_t *refused_env;
    // How many.
    size_t refused_env_len;
} subvm_params_t;

// Gas that a run used.
typedef struct subvm_gas_t {
    // Time gas, in ticks.
    uint64_t time;
    // Storage gas, in pages.
    uint64_t storage;
    // Data gas, in bytes.
    uint64_t data;
} subvm_gas_t;

// Where a recording goes, and what it holds. Where all but `size` is zero, it is in memory, and without the contracts' code.
typedef struct subvm_recording_options_t {
    // sizeof(subvm_recording_options_t).
    size_t size;
    // The path of a file that is made for it, as UTF-8; empty: it is kept in memory. One that is there already is an error.
    struct subvm_bytes_t file;
    // The most bytes that are written; 0: 1 GiB. A run that needs more goes on, and its recording ends.
    uint64_t bytes;
    // Whether packages are written down, so that it can be replayed alone. Without this, only their digests are.
    bool code;
    // Whether each host call is written as it begins and as it ends, so that a process that is killed loses none of them: without this, up to
    // 64 KiB. A call takes some 160 bytes and two writes then.
    bool each_call;
} subvm_recording_options_t;

// What came of recording a run.
typedef struct subvm_recorded_t {
    // The trace digest: BLAKE3 of what is the same on every node, whatever its role. Nodes that differ compare it before anything else.
    struct subvm_word_t trace;
    // Records that the digest is of.
    uint64_t steps;
    // Host calls.
    uint64_t calls;
    // Bytes written.
    uint64_t bytes;
    // Whether all of the run is in it.
    bool complete;
} subvm_recorded_t;

// A recording to run again. One of `recording` and `file` is given.
typedef struct subvm_replay_t {
    // sizeof(subvm_replay_t).
    size_t size;
    // Its bytes.
    struct subvm_bytes_t recording;
    // The path of its file, as UTF-8.
    struct subvm_bytes_t file;
    // Packages that it may name and not hold.
    const struct subvm_package_t *const *packages;
    // How many.
    size_t packages_len;
} subvm_replay_t;

// What replaying came to.
typedef struct subvm_replayed_t {
    // SUBVM_VERDICT_SAME or another.
    uint32_t verdict;
    // The code of the error that the run ended with here, SUBVM_ERROR_DEADLINE or a higher one; 0 where it has a result.
    uint32_t error;
    // The trace digest of what was the same: where all was, that of the recorded run.
    struct subvm_word_t trace;
    // Host calls of what was the same.
    uint64_t calls;
} subvm_replayed_t;

// Figures of a run, for people.
typedef struct subvm_figures_t {
    // The most RAM that deterministic sub-VMs held, in bytes.
    uint64_t ram_peak;
    // The most RAM that non-deterministic sub-VMs held, in bytes.
    uint64_t ram_peak_nondet;
    // Time gas that non-deterministic sub-VMs used, in ticks.
    uint64_t ticks_nondet;
} subvm_figures_t;

// Parameters, and from where on they are in force.
typedef struct subvm_rule_t {
    // The height of the first block.
    uint64_t height;
    // The canonical bytes of the parameters: subvm_params_encode.
    struct subvm_bytes_t params;
} subvm_rule_t;

// All that a node supplies to one run. No pointer may be NULL. Tables and contexts are used until subvm_run returns, and not after.
typedef struct subvm_node_t {
    // sizeof(subvm_node_t).
    size_t size;
    // The state before the run.
    const struct subvm_storage_t *storage;
    // The transaction's instant, and elapsed time.
    const struct subvm_clock_t *clock;
    // The secure generator.
    const struct subvm_rng_t *rng;
    // Balances, code, output.
    const struct subvm_host_t *host;
    // Web and models.
    const struct subvm_modules_t *modules;
} subvm_node_t;

// One transaction to run.
typedef struct subvm_run_t {
    // sizeof(subvm_run_t).
    size_t size;
    // The canonical bytes of the message: subvm_message_encode.
    struct subvm_bytes_t message;
    // The canonical bytes of the consensus parameters: subvm_params_encode.
    struct subvm_bytes_t params;
    // SUBVM_ENTRY_CONTRACT or another.
    uint32_t entry;
    // SUBVM_ROLE_LEADER or another.
    uint32_t role;
    // For a validator, the leader's proposal; for a node that catches up, the leader's receipt; for a leader, nothing.
    struct subvm_bytes_t leader;
    // The state that the run reads: SUBVM_STATE_ACCEPTED or SUBVM_STATE_FINALIZED.
    uint32_t state;
    // SUBVM_CALLBACKS_ANYWHERE or SUBVM_CALLBACKS_ON_CALLER.
    uint32_t callbacks;
    // For a program, what is on its standard input; NULL: the message. For a contract it is not looked at.
    const struct subvm_bytes_t *program_input;
    // Nanoseconds, by the clock's elapsed time, that the run may take; longer is SUBVM_ERROR_DEADLINE. 0: for ever.
    uint64_t deadline_nanos;
    // What calls the run off; NULL: nothing does.
    const struct subvm_cancel_t *cancel;
} subvm_run_t;

// A host call, as an observer sees it begin or end. It lives until the callback returns. A later version may have more fields at its end.
typedef struct subvm_call_t {
    // The namespace that it was imported from.
    struct subvm_bytes_t module;
    // The function's name.
    struct subvm_bytes_t name;
    // The names of its parameters, `args_len` of them.
    const struct subvm_bytes_t *params;
    // Its arguments, each widened without sign.
    const uint64_t *args;
    // How many.
    size_t args_len;
    // The guest's memory: before the call where it begins, after it where it ends.
    struct subvm_bytes_t memory;
    // Time gas that is left, in ticks; nothing of a call that begins is charged yet.
    int64_t ticks;
    // Where the call ends, whether it ended the sub-VM: then it has no errno.
    bool ends_sub_vm;
    // Where the call ends, its errno.
    uint32_t errno_;
    // The line of the call in a trace for people: `==> fd_tell(fd=3, offset=64)`, `<== ESUCCESS offset=7`. Empty unless `lines` was asked for.
    struct subvm_bytes_t line;
} subvm_call_t;

// A moment of a run, as an observer sees it. It lives until the callback returns. A later version may have more fields at its end.
typedef struct subvm_event_t {
    // SUBVM_EVENT_RUN_BEGINS or another. A later version may have more of them: what is not known is left alone.
    uint32_t kind;
    // Whether the sub-VM is non-deterministic.
    bool nondet;
    // How many sub-VMs are above this one: 0 for the main one.
    uint32_t depth;
    // What the sub-VM may do: a sum of SUBVM_MAY_*.
    uint32_t permissions;
    // The contract.
    struct subvm_address_t contract;
    // Time gas, in ticks: the limit of what begins, what was used of what ended.
    int64_t ticks;
    // What it came to, as subvm_report_outcome; empty where it came to nothing.
    struct subvm_bytes_t outcome;
    // Why it came to nothing on this node, SUBVM_ERROR_DEADLINE or a higher one; 0 where it did not.
    uint32_t error;
    // The same in words, as UTF-8.
    struct subvm_bytes_t text;
} subvm_event_t;

// Sees a run pass by: its sub-VMs, and each host call with its result. It changes nothing: with one or without, the receipt is the same. Any function
// may be NULL: nothing is told there.
//
// It is called where the callbacks of the run's node are, one at a time with them, and while it works the run waits: its time counts for the
// deadline. It calls none of the library's functions but those for buffers and calldata.
typedef struct subvm_observer_t {
    // sizeof(subvm_observer_t).
    size_t size;
    // Handed to each callback.
    void *context;
    // Whether calls have their `line`, which costs a few microseconds each.
    bool lines;
    // A host call begins.
    void (*enter)(void *context, const struct subvm_call_t *call);
    // The host call that was entered last ends.
    void (*exit)(void *context, const struct subvm_call_t *call);
    // The run or a sub-VM begins or ends. What begins, ends, in reverse order.
    void (*event)(void *context, const struct subvm_event_t *event);
} subvm_observer_t;

// What looks on while a transaction runs. It changes no receipt.
typedef struct subvm_watch_t {
    // sizeof(subvm_watch_t).
    size_t size;
    // What records the run, and had none yet; NULL: nothing does.
    const struct subvm_recording_t *recording;
    // Who is told of the run while it passes by; NULL: nobody is.
    const struct subvm_observer_t *observer;
} subvm_watch_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the interface that the library has. A program compares it with SUBVM_ABI_VERSION before anything else.
uint32_t subvm_abi_version(void);

// The release of subvm, as "0.1.0". It lives for ever.
const char *subvm_version(void);

// An empty buffer. Free it with subvm_buffer_free.
struct subvm_buffer_t *subvm_buffer_new(void);

// The bytes of a buffer, until it changes or is freed. None of NULL.
struct subvm_bytes_t subvm_buffer_bytes(const struct subvm_buffer_t *buffer);

// Replaces what is in a buffer with a copy of `len` bytes, which may be its own. False, and nothing happens, where a pointer is NULL (`data` may be,
// where `len` is 0).
bool subvm_buffer_set(struct subvm_buffer_t *buffer,
                      const uint8_t *data,
                      size_t len);

// Appends a copy of `len` bytes, which may be its own, to what is in a buffer. False, and nothing happens, where a pointer is NULL (`data` may be,
// where `len` is 0).
bool subvm_buffer_append(struct subvm_buffer_t *buffer,
                         const uint8_t *data,
                         size_t len);

// Frees a buffer that subvm_buffer_new made. NULL is allowed.
void subvm_buffer_free(struct subvm_buffer_t *buffer);

// The canonical calldata of a text: JSON without floats, and beside it `b#beef` for bytes and `addr#<40 digits>` for addresses.
//
// SUBVM_ERROR_FORMAT where the text is none; it says at which byte.
struct subvm_error_t *subvm_calldata_from_text(struct subvm_bytes_t text_,
                                               struct subvm_buffer_t *calldata);

// The text of canonical calldata, as subvm_calldata_from_text reads it.
struct subvm_error_t *subvm_calldata_to_text(struct subvm_bytes_t calldata, struct subvm_buffer_t *text);

// A token that nobody has used.
struct subvm_cancel_t *subvm_cancel_new(void);

// Calls off every run that has this token, for good: they end with SUBVM_ERROR_CANCELLED, within 10 ms where no callback holds them. It may be
// called from any thread, and does not wait. NULL is allowed.
void subvm_cancel(const struct subvm_cancel_t *cancel);

// Whether it was used. False for NULL.
bool subvm_cancelled(const struct subvm_cancel_t *cancel);

// Frees a token. NULL is allowed.
void subvm_cancel_free(struct subvm_cancel_t *cancel);

// Checks a storage: SUBVM_ERROR_PROMISE says the first promise that it broke. `make` fills in the table of one that holds exactly the `written_len`
// pages it is given, of which later ones replace earlier ones, and returns 0; `release` takes it back, and may be NULL.
struct subvm_error_t *subvm_check_storage(int32_t (*make)(void *context,
                                                          const struct subvm_written_t *written,
                                                          size_t written_len,
                                                          struct subvm_storage_t *made,
                                                          struct subvm_buffer_t *error),
                                          void (*release)(void *context, const struct subvm_storage_t *made),
                                          void *context);

// Checks a clock: SUBVM_ERROR_PROMISE says the first promise that it broke. `make` fills in the table of one for the same transaction each time,
// and returns 0; `release` takes it back, and may be NULL.
struct subvm_error_t *subvm_check_clock(int32_t (*make)(void *context,
                                                        struct subvm_clock_t *made,
                                                        struct subvm_buffer_t *error),
                                        void (*release)(void *context, const struct subvm_clock_t *made),
                                        void *context);

// Checks a generator: SUBVM_ERROR_PROMISE says the first promise that it broke. `make` fills in the table of a new one each time, and returns 0;
// `release` takes it back, and may be NULL.
struct subvm_error_t *subvm_check_rng(int32_t (*make)(void *context,
                                                      struct subvm_rng_t *made,
                                                      struct subvm_buffer_t *error),
                                      void (*release)(void *context, const struct subvm_rng_t *made),
                                      void *context);

// Checks a host: SUBVM_ERROR_PROMISE says the first promise that it broke. `contract` has code in both states, and `nobody` has none. `make` fills
// in the table of one for the same chain at the same height each time, and returns 0; `release` takes it back, and may be NULL.
struct subvm_error_t *subvm_check_host(const struct subvm_address_t *contract,
                                       const struct subvm_address_t *nobody,
                                       int32_t (*make)(void *context,
                                                       struct subvm_host_t *made,
                                                       struct subvm_buffer_t *error),
                                       void (*release)(void *context, const struct subvm_host_t *made),
                                       void *context);

// Checks modules: SUBVM_ERROR_PROMISE says the first promise that they broke. `request` is the canonical calldata of a request that is answered,
// with a result or with an error; `unknown` that of a request to a module which is not there, or empty where all are. `make` fills in the table of
// those of a new run each time, and returns 0; `release` takes it back, and may be NULL. What the world answers is not judged, but for its form.
struct subvm_error_t *subvm_check_modules(struct subvm_bytes_t request,
                                          struct subvm_bytes_t unknown,
                                          int32_t (*make)(void *context,
                                                          struct subvm_modules_t *made,
                                                          struct subvm_buffer_t *error),
                                          void (*release)(void *context, const struct subvm_modules_t *made),
                                          void *context);

// Makes an engine; `options` may be NULL. The first one of a process that compiles takes over SIGSEGV, SIGILL, SIGFPE and SIGBUS, and hands on
// those that no guest caused to who had them before.
//
// SUBVM_ERROR_SETUP where the machine does not allow it.
struct subvm_error_t *subvm_engine_new(const struct subvm_engine_options_t *options,
                                       struct subvm_engine_t **engine);

// Validates and compiles the modules of a package under parameters (canonical bytes), and keeps them: what a node does when a contract is
// deployed, so that no run has to. `ticks` is what a chain charges for it; it is the same on every node. SUBVM_ENGINE_WASMI has no such thing.
//
// SUBVM_ERROR_REFUSED where the package cannot run on any node; else this node failed.
struct subvm_error_t *subvm_engine_prepare(const struct subvm_engine_t *engine,
                                           const struct subvm_package_t *package,
                                           struct subvm_bytes_t params,
                                           uint64_t *ticks);

// Frees an engine that no run uses. NULL is allowed.
void subvm_engine_free(struct subvm_engine_t *engine);

// The code of an error: SUBVM_ERROR_ARGUMENT and the others. 0 for NULL.
uint32_t subvm_error_code(const struct subvm_error_t *error);

// What went wrong, where, and why, as UTF-8 that ends with a zero byte. It lives as long as the error. For people: it may change with any
// release. NULL for NULL.
const char *subvm_error_message(const struct subvm_error_t *error);

// Frees an error. NULL is allowed.
void subvm_error_free(struct subvm_error_t *error);

// Opens the ledger in a directory, whose path is UTF-8, and makes both where they are missing. `options` may be NULL. One of an earlier release is
// migrated.
//
// SUBVM_ERROR_LOCKED where it is open already, SUBVM_ERROR_DAMAGED where the file is not what was written, SUBVM_ERROR_RELEASE where a later release
// wrote it, SUBVM_ERROR_IO where the operating system fails.
struct subvm_error_t *subvm_ledger_open(struct subvm_bytes_t directory,
                                        const struct subvm_ledger_options_t *options,
                                        struct subvm_ledger_t **ledger);

// Makes a ledger that is gone when it is freed: for tests.
struct subvm_error_t *subvm_ledger_in_memory(struct subvm_ledger_t **ledger);

// How far it is.
struct subvm_error_t *subvm_ledger_heights(const struct subvm_ledger_t *ledger, struct subvm_heights_t *heights);

// Applies the `len` receipts of a block to the accepted state, in their order, in one transaction: all of them are there afterwards, or none. Where
// pages repeat, the last one stands; a receipt of a run that failed has none. A block may be applied in several calls; who crashed between them rolls
// back to the block before, and applies it again.
//
// SUBVM_ERROR_HEIGHT where the height is finalized already, or lower than what was applied.
struct subvm_error_t *subvm_ledger_apply(const struct subvm_ledger_t *ledger,
                                         uint64_t height,
                                         const struct subvm_applied_t *receipts,
                                         size_t len);

// Makes all blocks up to a height final. What is final already stays so.
struct subvm_error_t *subvm_ledger_finalize(const struct subvm_ledger_t *ledger, uint64_t height);

// Takes back all accepted blocks above a height.
//
// SUBVM_ERROR_HEIGHT where some of them are final.
struct subvm_error_t *subvm_ledger_rollback(const struct subvm_ledger_t *ledger, uint64_t height);

// Forgets the states of heights below a height, which then is the lowest that can be read.
//
// SUBVM_ERROR_HEIGHT where it is above what is final.
struct subvm_error_t *subvm_ledger_prune(const struct subvm_ledger_t *ledger, uint64_t height);

// Keeps the rules by height (subvm_rules_encode), so that blocks that are there are replayed under what they ran under. A node gives them at each
// start: those of heights that come may change.
//
// SUBVM_ERROR_HEIGHT where they would be others for a block that was applied, or where the first block that can be run has none.
struct subvm_error_t *subvm_ledger_set_rules(const struct subvm_ledger_t *ledger,
                                             struct subvm_bytes_t rules);

// Makes the file as small as what it holds allows, which takes as long as to write it anew. SUBVM_ERROR_ARGUMENT while there is a snapshot.
struct subvm_error_t *subvm_ledger_compact(const struct subvm_ledger_t *ledger);

// Closes a ledger that no thread uses, and whose snapshots were freed. NULL is allowed.
void subvm_ledger_free(struct subvm_ledger_t *ledger);

// Sends the log of this process to a callback from now on. Without it nothing is logged. It changes no receipt.
//
// SUBVM_ERROR_ARGUMENT where there is a log already: there is one for a process, for as long as it lives.
struct subvm_error_t *subvm_log(const struct subvm_log_t *log);

// The canonical bytes of a message: what nodes hand to each other, and what a run is given.
struct subvm_error_t *subvm_message_encode(const struct subvm_message_t *message, struct subvm_buffer_t *bytes);

// BLAKE3 of the canonical bytes of a message, which are checked. (The message's digest in a receipt has the transaction's instant in it, too.)
struct subvm_error_t *subvm_message_digest(struct subvm_bytes_t message,
                                           struct subvm_word_t *digest);

// Makes a package of its parts, which are copied. Names that an environment may not hold are the default parameters' here; what a chain's own
// parameters refuse shows when it runs.
//
// SUBVM_ERROR_REFUSED where the rules do not allow it: to consensus that is a malformed contract (subvm_host_t, `code`).
struct subvm_error_t *subvm_package_new(const struct subvm_parts_t *made_of,
                                        struct subvm_package_t **package);

// Reads a bundle: what `DeployContract` carries as `code`.
//
// SUBVM_ERROR_FORMAT where it is none: to consensus that is a malformed contract (subvm_host_t, `code`).
struct subvm_error_t *subvm_package_from_bundle(struct subvm_bytes_t bundle, struct subvm_package_t **package);

// Writes a package as a bundle, of which it has one only.
struct subvm_error_t *subvm_package_to_bundle(const struct subvm_package_t *package, struct subvm_buffer_t *bundle);

// The digest by which nodes name a package.
struct subvm_error_t *subvm_package_digest(const struct subvm_package_t *package, struct subvm_word_t *digest);

// Frees a package. NULL is allowed.
void subvm_package_free(struct subvm_package_t *package);

// Fills in what chains have that choose nothing, `size` included.
struct subvm_error_t *subvm_params_default(struct subvm_params_t *params);

// The canonical bytes of parameters: what a run is given, and what their digest is of.
//
// SUBVM_ERROR_PARAMS where this release cannot run under them.
struct subvm_error_t *subvm_params_encode(const struct subvm_params_t *chosen, struct subvm_buffer_t *bytes);

// The digest of parameters, which stands in every receipt. Their canonical bytes are checked, and whether this release can run under them.
struct subvm_error_t *subvm_params_digest(struct subvm_bytes_t params,
                                          struct subvm_word_t *digest);

// What page number `page` of a slot holds in the state with this root, by a proof that subvm_snapshot_prove made: zeros where it was never written.
// Nothing of the proof is believed that does not follow from the root.
//
// SUBVM_ERROR_FORMAT where the bytes are no proof, SUBVM_ERROR_REFUSED where they prove something else.
struct subvm_error_t *subvm_proof_page(struct subvm_bytes_t proof,
                                       const struct subvm_word_t *root,
                                       const struct subvm_address_t *contract,
                                       const struct subvm_word_t *slot,
                                       uint32_t page,
                                       struct subvm_word_t *content);

// Reads a receipt that another node wrote. Nothing in it is believed beyond its shape. Free it with subvm_receipt_free.
//
// SUBVM_ERROR_FORMAT where it is none.
struct subvm_error_t *subvm_receipt_from_bytes(struct subvm_bytes_t bytes, struct subvm_receipt_t **receipt);

// Frees a receipt that subvm_receipt_from_bytes made; not one of a report. NULL is allowed.
void subvm_receipt_free(struct subvm_receipt_t *receipt);

// The canonical bytes.
struct subvm_bytes_t subvm_receipt_bytes(const struct subvm_receipt_t *receipt);

// The canonical bytes of the proposal that a leader with this receipt sends first: all that a validator needs.
struct subvm_bytes_t subvm_receipt_proposal(const struct subvm_receipt_t *receipt);

// BLAKE3 of the canonical bytes: two nodes agree where theirs are equal. Zero for NULL.
struct subvm_word_t subvm_receipt_digest(const struct subvm_receipt_t *receipt);

// The digest of the consensus parameters. Zero for NULL.
struct subvm_word_t subvm_receipt_params(const struct subvm_receipt_t *receipt);

// The digest of the message that the contract found, the transaction's instant in it. Zero for NULL.
struct subvm_word_t subvm_receipt_message_digest(const struct subvm_receipt_t *receipt);

// Whether the run returned, so that its pages and messages count.
bool subvm_receipt_returned(const struct subvm_receipt_t *receipt);

// What the run came to: a byte that is 0 for a return, 1 for an error of the contract's own, 2 for a broken rule or limit; and then the calldata
// that it returned, or a text. Where the parameters ask for fingerprints, a failure's is in it.
struct subvm_bytes_t subvm_receipt_result(const struct subvm_receipt_t *receipt);

// Gas that the run used.
struct subvm_gas_t subvm_receipt_gas(const struct subvm_receipt_t *receipt);

// How many pages the run wrote: none unless it returned.
size_t subvm_receipt_pages_len(const struct subvm_receipt_t *receipt);

// Copies the page number `index` of those that the run wrote, ascending by slot and page. False where there is none.
bool subvm_receipt_page(const struct subvm_receipt_t *receipt, size_t index, struct subvm_page_t *page);

// How many requests the run made to the chain, which carries them out: messages, deployments, transfers, events. None unless it returned.
size_t subvm_receipt_messages_len(const struct subvm_receipt_t *receipt);

// The canonical calldata of request number `index`, in the order in which they were made. Nothing where there is none.
struct subvm_bytes_t subvm_receipt_message(const struct subvm_receipt_t *receipt, size_t index);

// How many results of non-deterministic blocks there are.
size_t subvm_receipt_nondet_len(const struct subvm_receipt_t *receipt);

// The result of non-deterministic block number `index`, as the leader posted it: a byte as that of subvm_receipt_result, and its data.
struct subvm_bytes_t subvm_receipt_nondet(const struct subvm_receipt_t *receipt,
                                          size_t index);

// Makes a recording that nothing is in yet; `options` may be NULL. A file is made at once.
//
// SUBVM_ERROR_IO where the file cannot be made, or is there.
struct subvm_error_t *subvm_recording_new(const struct subvm_recording_options_t *options,
                                          struct subvm_recording_t **recording);

// What came of it, once its run has ended. `why`, which may be NULL, is where a text goes that says why it does not hold all of the run; it is empty
// where `complete` holds.
//
// SUBVM_ERROR_ARGUMENT where no run that had it has ended.
struct subvm_error_t *subvm_recording_ended(const struct subvm_recording_t *recording,
                                            struct subvm_recorded_t *recorded,
                                            struct subvm_buffer_t *why);

// The bytes of a recording in memory whose run has ended; else nothing.
struct subvm_bytes_t subvm_recording_bytes(const struct subvm_recording_t *recording);

// Frees a recording that no run has. A file stays. NULL is allowed.
void subvm_recording_free(struct subvm_recording_t *recording);

// Runs a recording again, on any engine, without a node: no callback is called. Whether it was the recorded run is the verdict, not an error. `why`,
// which may be NULL, is where the verdict goes in words: the call that differs, and what was recorded there. `report`, which may be NULL, is set to
// what the run came to where the verdict is SUBVM_VERDICT_SAME and the run has a result; else to NULL.
//
// SUBVM_ERROR_FORMAT where it is no recording, SUBVM_ERROR_DAMAGED where it is a damaged one, SUBVM_ERROR_RELEASE where another release is needed,
// SUBVM_ERROR_IO where the file cannot be read.
struct subvm_error_t *subvm_replay(const struct subvm_engine_t *engine,
                                   const struct subvm_replay_t *asked,
                                   struct subvm_replayed_t *replayed,
                                   struct subvm_buffer_t *why,
                                   struct subvm_report_t **report);

// The receipt, which lives as long as the report. NULL for NULL.
const struct subvm_receipt_t *subvm_report_receipt(const struct subvm_report_t *report);

// What the run came to, as subvm_receipt_result, but without a fingerprint: a byte that is 0, 1 or 2, and calldata or a text.
struct subvm_bytes_t subvm_report_outcome(const struct subvm_report_t *report);

// The machine at a failure, as calldata; nothing where the run did not fail, or the parameters do not ask for it.
struct subvm_bytes_t subvm_report_fingerprint(const struct subvm_report_t *report);

// Figures, for people.
struct subvm_figures_t subvm_report_figures(const struct subvm_report_t *report);

// What people should know of the run, a line each: why a module was refused, which option helps.
struct subvm_error_t *subvm_report_diagnostics(const struct subvm_report_t *report, struct subvm_buffer_t *text);

// Frees a report, and with it its receipt. NULL is allowed.
void subvm_report_free(struct subvm_report_t *report);

// The canonical bytes of rules by height: `len` of them, by ascending height, at least one. What the nodes of a chain have in common, and what a
// ledger keeps.
//
// SUBVM_ERROR_RELEASE where this release cannot hold a run to one of them.
struct subvm_error_t *subvm_rules_encode(const struct subvm_rule_t *sets,
                                         size_t len,
                                         struct subvm_buffer_t *rules);

// The canonical bytes of the parameters that are in force for the block of a height: those of subvm_run_t, for a block of that height.
//
// SUBVM_ERROR_HEIGHT where none are yet, SUBVM_ERROR_FORMAT where the bytes are no rules.
struct subvm_error_t *subvm_rules_at(struct subvm_bytes_t rules,
                                     uint64_t height,
                                     struct subvm_buffer_t *params);

// Runs a transaction to its end on the thread that calls; any number of threads may. `report` is set where there is one, which subvm_report_free
// frees: a run that failed by the contract's fault has one, too. Nothing happens to any state: what the run wrote and sent stands in the receipt.
//
// An error from SUBVM_ERROR_DEADLINE on says that this node cannot say what the transaction comes to: it votes *timeout*. Another one says that the
// run did not begin.
struct subvm_error_t *subvm_run(const struct subvm_engine_t *engine,
                                const struct subvm_node_t *node,
                                const struct subvm_run_t *transaction,
                                struct subvm_report_t **report);

// As subvm_run, and something looks on: the receipt is the same. A recording has the run, and is ended, also where the run ends with an error from
// SUBVM_ERROR_DEADLINE on; where the run did not begin, it is as it was. An observer is told of the run on the way.
struct subvm_error_t *subvm_run_watched(const struct subvm_engine_t *engine,
                                        const struct subvm_node_t *node,
                                        const struct subvm_run_t *transaction,
                                        const struct subvm_watch_t *watch,
                                        struct subvm_report_t **report);

// Takes a snapshot. `height` may be NULL: it shows the newest state, accepted and finalized. Else it shows the state of that height, which stands for
// both: for replaying the block after it.
//
// SUBVM_ERROR_HEIGHT where that state is not kept any more, or is not there yet.
struct subvm_error_t *subvm_ledger_snapshot(const struct subvm_ledger_t *ledger,
                                            const uint64_t *height,
                                            struct subvm_snapshot_t **snapshot);

// Fills in a table that reads the snapshot: the storage of a node, as long as the snapshot lives.
struct subvm_error_t *subvm_snapshot_storage(const struct subvm_snapshot_t *snapshot, struct subvm_storage_t *storage);

// Fills all `len` bytes of `into` from a slot of a contract, starting at byte `index`, as subvm_storage_t.read.
struct subvm_error_t *subvm_snapshot_read(const struct subvm_snapshot_t *snapshot,
                                          uint32_t state,
                                          const struct subvm_address_t *contract,
                                          const struct subvm_word_t *slot,
                                          uint32_t index,
                                          uint8_t *into,
                                          size_t len);

// How far the ledger was.
struct subvm_error_t *subvm_snapshot_heights(const struct subvm_snapshot_t *snapshot, struct subvm_heights_t *heights);

// The rules by height that it keeps, as canonical bytes for subvm_rules_at; nothing where none were kept.
struct subvm_error_t *subvm_snapshot_rules(const struct subvm_snapshot_t *snapshot, struct subvm_buffer_t *rules);

// The root of the state of a height that is kept: the same for every ledger that holds the same pages. `docs/spec/state.md` says what it is.
//
// SUBVM_ERROR_HEIGHT where that state is not kept any more, or is not there yet.
struct subvm_error_t *subvm_snapshot_root(const struct subvm_snapshot_t *snapshot,
                                          uint64_t height,
                                          struct subvm_word_t *root);

// A proof of what page number `page` of a slot holds in the state of a height, for subvm_proof_page.
//
// SUBVM_ERROR_HEIGHT as for subvm_snapshot_root, SUBVM_ERROR_ARGUMENT for a page outside of its slot of 2^27.
struct subvm_error_t *subvm_snapshot_prove(const struct subvm_snapshot_t *snapshot,
                                           uint64_t height,
                                           const struct subvm_address_t *contract,
                                           const struct subvm_word_t *slot,
                                           uint32_t page,
                                           struct subvm_buffer_t *proof);

// Writes a backup into a directory, whose path is UTF-8 and which holds no ledger, while others go on with theirs: all of it is read and written. It
// appears when it is whole; subvm_ledger_open opens it.
//
// SUBVM_ERROR_ARGUMENT where there is a ledger, SUBVM_ERROR_LOCKED where one is open.
struct subvm_error_t *subvm_snapshot_backup(const struct subvm_snapshot_t *snapshot,
                                            struct subvm_bytes_t directory);

// Frees a snapshot that no run uses. NULL is allowed.
void subvm_snapshot_free(struct subvm_snapshot_t *snapshot);

// This node's vote on the leader's receipt: SUBVM_VOTE_*, and where they differ or why there is none, for people. `own` is NULL where the run had no
// report; `why` is the error of it then, and may be NULL.
struct subvm_error_t *subvm_vote(const struct subvm_report_t *own,
                                 const struct subvm_error_t *why,
                                 const struct subvm_receipt_t *leader,
                                 uint32_t *cast,
                                 struct subvm_buffer_t *text);

// BLAKE3 of a proposal: what ballots are about.
struct subvm_error_t *subvm_proposal_digest(struct subvm_bytes_t of, struct subvm_word_t *digest);

// This node's ballot on a proposal, in its one encoding. `own` is NULL where the run had no report: *timeout*.
struct subvm_error_t *subvm_ballot(const struct subvm_report_t *own,
                                   struct subvm_bytes_t on,
                                   struct subvm_buffer_t *bytes);

// Binds the voter to a ballot on the proposal with that digest, and shows nothing of it. `voter` is what others know the voter by, as its public
// key; `salt` is from the node's secure generator, new for each ballot.
struct subvm_error_t *subvm_ballot_commit(struct subvm_bytes_t to,
                                          const struct subvm_word_t *proposal_digest,
                                          struct subvm_bytes_t voter,
                                          const struct subvm_word_t *salt,
                                          struct subvm_word_t *commitment);

// Whether a commitment was made of these: what does not open its commitment counts as no vote.
struct subvm_error_t *subvm_commitment_opens(const struct subvm_word_t *commitment,
                                             struct subvm_bytes_t to,
                                             const struct subvm_word_t *proposal_digest,
                                             struct subvm_bytes_t voter,
                                             const struct subvm_word_t *salt,
                                             bool *opens);

// Whether a ballot is for the leader, whose receipt has this digest.
struct subvm_error_t *subvm_ballot_agrees(struct subvm_bytes_t cast,
                                          const struct subvm_word_t *receipt_digest,
                                          bool *agrees);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SUBVM_HOST_H */
