;; A byte-code interpreter: a dispatch loop over a program in memory that sums numbers, as interpreters of languages are.
(module (memory 1)
  ;; 0: acc += counter; 1: counter -= 1; 2: jump to the start unless counter is 0; 3: halt; 4: acc ^= acc << 5
  (data (i32.const 0) "\00\04\00\04\01\02\03")
  (func $read (param $pc i32) (result i32) (i32.load8_u (local.get $pc)))
  (func (export "f") (param $counter i32) (result i32) (local $pc i32) (local $acc i32) (local $op i32)
    (loop $dispatch
      (local.set $op (call $read (local.get $pc)))
      (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
      (block $shift (block $halt (block $jump (block $decrement (block $add
        (br_table $add $decrement $jump $halt $shift (local.get $op)))
        (local.set $acc (i32.add (local.get $acc) (local.get $counter)))
        (br $dispatch))
        (local.set $counter (i32.sub (local.get $counter) (i32.const 1)))
        (br $dispatch))
        (if (local.get $counter) (then (local.set $pc (i32.const 0))))
        (br $dispatch))
        (return (local.get $acc)))
      (local.set $acc (i32.xor (local.get $acc) (i32.shl (local.get $acc) (i32.const 5))))
      (br $dispatch))
    (unreachable)))
