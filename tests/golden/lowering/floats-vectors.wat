;; options: floats=soft
;; Lanes are computed one by one, by a wrapper around the scalar function.
(module
  (func (export "f") (param v128 v128) (result v128)
    local.get 0
    local.get 1
    f64x2.mul))

;; lowered:
;; (module
;;   (type (;0;) (func (param v128 v128) (result v128)))
;;   (type (;1;) (func (param f64 f64) (result f64)))
;;   (type (;2;) (func (param v128 v128) (result v128)))
;;   (global (;0;) (mut i64) i64.const 0)
;;   (global (;1;) (mut i32) i32.const 0)
;;   (global (;2;) (mut i32) i32.const 0)
;;   (global (;3;) (mut i32) i32.const 0)
;;   (export "f" (func 0))
;;   (export "$subvm:gas" (global 0))
;;   (export "$subvm:stack" (global 1))
;;   (export "$subvm:mark" (global 2))
;;   (export "$subvm:trap" (global 3))
;;   (func (;0;) (type 0) (param v128 v128) (result v128)
;;     (local i64)
;;     global.get 1
;;     i32.const 16
;;     i32.lt_s
;;     if ;; label = @1
;;       i32.const 2
;;       global.set 3
;;       unreachable
;;     end
;;     global.get 0
;;     local.set 2
;;     block ;; label = @1
;;       block (result v128) ;; label = @2
;;         local.get 0
;;         local.get 1
;;         call 2
;;       end
;;       local.get 2
;;       i64.const 32
;;       i64.sub
;;       global.set 0
;;       return
;;     end
;;     i64.const -1
;;     global.set 0
;;     i32.const 1
;;     global.set 3
;;     unreachable
;;   )
;;   (func (;1;) (type 1) (param f64 f64) (result f64)
;;     ...
;;   )
;;   (func (;2;) (type 2) (param v128 v128) (result v128)
;;     (local v128)
;;     local.get 2
;;     local.get 0
;;     f64x2.extract_lane 0
;;     local.get 1
;;     f64x2.extract_lane 0
;;     call 1
;;     f64x2.replace_lane 0
;;     local.set 2
;;     local.get 2
;;     local.get 0
;;     f64x2.extract_lane 1
;;     local.get 1
;;     f64x2.extract_lane 1
;;     call 1
;;     f64x2.replace_lane 1
;;     local.set 2
;;     local.get 2
;;   )
;; )
