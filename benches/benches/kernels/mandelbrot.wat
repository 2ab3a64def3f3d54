(module
  (func (export "f") (param $size i32) (result i32)
    (local $x i32) (local $y i32) (local $i i32) (local $count i32)
    (local $cr f64) (local $ci f64) (local $zr f64) (local $zi f64) (local $t f64)
    (loop $row
      (local.set $x (i32.const 0))
      (loop $column
        (local.set $cr (f64.sub (f64.div (f64.convert_i32_s (local.get $x)) (f64.mul (f64.convert_i32_s (local.get $size)) (f64.const 0.4))) (f64.const 1.8)))
        (local.set $ci (f64.sub (f64.div (f64.convert_i32_s (local.get $y)) (f64.mul (f64.convert_i32_s (local.get $size)) (f64.const 0.5))) (f64.const 1)))
        (local.set $zr (f64.const 0)) (local.set $zi (f64.const 0)) (local.set $i (i32.const 50))
        (block $escaped
          (loop $iterate
            (local.set $t (f64.add (f64.sub (f64.mul (local.get $zr) (local.get $zr)) (f64.mul (local.get $zi) (local.get $zi))) (local.get $cr)))
            (local.set $zi (f64.add (f64.mul (f64.mul (f64.const 2) (local.get $zr)) (local.get $zi)) (local.get $ci)))
            (local.set $zr (local.get $t))
            (br_if $escaped (f64.gt (f64.add (f64.mul (local.get $zr) (local.get $zr)) (f64.mul (local.get $zi) (local.get $zi))) (f64.const 4)))
            (br_if $iterate (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
          (local.set $count (i32.add (local.get $count) (i32.const 1))))
        (br_if $column (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (local.get $size))))
      (br_if $row (i32.lt_u (local.tee $y (i32.add (local.get $y) (i32.const 1))) (local.get $size))))
    (local.get $count)))
