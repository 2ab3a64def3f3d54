;; Traps three calls deep, after it wrote to memory: all four frames and the memory stand in the fingerprint.
(module $trap_deep
  (memory (export "memory") 2)
  (func $start (export "_start") (call $outer))
  (func $outer (call $middle (i32.const 7)))
  (func $middle (param i32) (i32.store (i32.const 65536) (local.get 0)) (call $inner (i32.const 0)))
  (func $inner (param i32) (drop (i32.div_s (i32.const 1) (local.get 0)))))
