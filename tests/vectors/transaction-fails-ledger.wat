;; Calls itself as often as it is told, and leaves a trace of it; then the contract fails.
(module
    (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
    (memory 1)
    ;; {"UserError": "the price is not what it was: ≠"}
    (data (i32.const 100) "\0e\09UserError\8c\02the price is not what it was: \e2\89\a0")

    (func $fail
        (drop (call $gl_call (i32.const 100) (i32.const 46) (i32.const 0))))

    (func $check (export "check") (param $again i32)
        (i32.store8 (i32.add (i32.const 30000) (local.get $again)) (i32.const 0xff))
        (if (local.get $again)
            (then (call $check (i32.sub (local.get $again) (i32.const 1))))
            (else (call $fail)))))
