;; Pairwise attraction of bodies in memory: sums, products, roots and quotients, and stores that show them.
(module (memory 1)
  (func (export "f") (param $steps i32) (result i32) (local $i i32) (local $j i32)
    (local $dx f64) (local $dy f64) (local $d f64) (local $m f64)
    (loop $fill
      (f64.store (local.get $i) (f64.div (f64.convert_i32_s (i32.rem_u (i32.mul (local.get $i) (i32.const 7919)) (i32.const 1009))) (f64.const 97)))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.const 256))))
    (loop $step
      (local.set $i (i32.const 0))
      (loop $outer
        (local.set $j (i32.add (local.get $i) (i32.const 32)))
        (block $end
          (loop $inner
            (br_if $end (i32.ge_u (local.get $j) (i32.const 256)))
            (local.set $dx (f64.sub (f64.load (local.get $i)) (f64.load (local.get $j))))
            (local.set $dy (f64.sub (f64.load offset=8 (local.get $i)) (f64.load offset=8 (local.get $j))))
            (local.set $d (f64.add (f64.mul (local.get $dx) (local.get $dx)) (f64.add (f64.mul (local.get $dy) (local.get $dy)) (f64.const 0.01))))
            (local.set $m (f64.div (f64.const 0.001) (f64.mul (local.get $d) (f64.sqrt (local.get $d)))))
            (f64.store offset=16 (local.get $i) (f64.sub (f64.load offset=16 (local.get $i)) (f64.mul (local.get $dx) (local.get $m))))
            (f64.store offset=24 (local.get $i) (f64.sub (f64.load offset=24 (local.get $i)) (f64.mul (local.get $dy) (local.get $m))))
            (local.set $j (i32.add (local.get $j) (i32.const 32)))
            (br $inner)))
        (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 32))) (i32.const 256))))
      (br_if $step (local.tee $steps (i32.sub (local.get $steps) (i32.const 1)))))
    (i32.trunc_sat_f64_s (f64.load offset=16 (i32.const 0)))))
