;; options: floats=canonical
;; What arithmetic, a comparison and a store of a float become under this policy.
(module
  (memory 1)
  (func (export "f") (param f64 f64)
    i32.const 0
    local.get 0
    local.get 1
    f64.add
    f64.store
    local.get 0
    local.get 1
    f64.lt
    drop))

;; lowered:
;; (module
;;   (type (;0;) (func (param f64 f64)))
;;   (memory (;0;) 1)
;;   (global (;0;) (mut i64) i64.const 0)
;;   (global (;1;) (mut i32) i32.const 0)
;;   (global (;2;) (mut i32) i32.const 0)
;;   (global (;3;) (mut i32) i32.const 0)
;;   (export "f" (func 0))
;;   (export "$subvm:memory:0" (memory 0))
;;   (export "$subvm:gas" (global 0))
;;   (export "$subvm:stack" (global 1))
;;   (export "$subvm:mark" (global 2))
;;   (export "$subvm:trap" (global 3))
;;   (func (;0;) (type 0) (param f64 f64)
;;     (local i64 f64 i32)
;;     global.get 1
;;     i32.const 14
;;     i32.lt_s
;;     if ;; label = @1
;;       i32.const 2
;;       global.set 3
;;       unreachable
;;     end
;;     global.get 0
;;     local.set 2
;;     block ;; label = @1
;;       block ;; label = @2
;;         i32.const 0
;;         local.get 0
;;         local.get 1
;;         f64.add
;;         local.tee 3
;;         f64.const nan (;=NaN;)
;;         local.get 3
;;         local.get 3
;;         f64.eq
;;         select
;;         f64.store
;;         local.get 0
;;         local.get 1
;;         f64.lt
;;         drop
;;       end
;;       local.get 2
;;       i64.const 27
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
;; )
