;; Writes storage and memories, runs a non-deterministic block that returns null, and calls a library that fails.
(module $teller
    (import "genlayer_sdk" "storage_write" (func $storage_write (param i32 i32 i32 i32) (result i32)))
    (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
    (import "ledger" "check" (func $check (param i32)))
    (memory (export "memory") 1)
    (memory $second 1 3)
    (table funcref (elem $visit))
    ;; {"RunNondetWith": {"data": b#, "strategy": "StrictEq"}}
    (data (i32.const 1000) "\0e\0dRunNondetWith\16\04data\03\08strategyDStrictEq")

    (func $visit
        (call $check (i32.const 2)))

    (func (export "_start")
        (if (i32.eq (call $storage_write (i32.const 0) (i32.const 31) (i32.const 1000) (i32.const 2)) (i32.const 6))
            (then (return)))
        (drop (call $gl_call (i32.const 1000) (i32.const 40) (i32.const 0)))
        ;; The square root of 2, as IEEE 754 has it.
        (f64.store (i32.const 2000) (f64.sqrt (f64.const 2)))
        (memory.fill (i32.const 60000) (i32.const 0x5a) (i32.const 5000))
        (drop (memory.grow $second (i32.const 1)))
        (i64.store $second (i32.const 131064) (i64.const -2))
        (call_indirect (i32.const 0))))
