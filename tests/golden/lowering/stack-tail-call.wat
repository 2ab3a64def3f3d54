;; A tail call refunds before it transfers.
(module
  (func $next (param i32) (result i32)
    local.get 0)
  (func (export "f") (param i32) (result i32)
    local.get 0
    return_call $next))

;; lowered:
;; (module
;;   (type (;0;) (func (param i32) (result i32)))
;;   (global (;0;) (mut i64) i64.const 0)
;;   (global (;1;) (mut i32) i32.const 0)
;;   (global (;2;) (mut i32) i32.const 0)
;;   (global (;3;) (mut i32) i32.const 0)
;;   (export "f" (func 1))
;;   (export "$subvm:gas" (global 0))
;;   (export "$subvm:stack" (global 1))
;;   (export "$subvm:mark" (global 2))
;;   (export "$subvm:trap" (global 3))
;;   (func (;0;) (type 0) (param i32) (result i32)
;;     (local i64)
;;     global.get 1
;;     i32.const 10
;;     i32.lt_s
;;     if ;; label = @1
;;       i32.const 2
;;       global.set 3
;;       unreachable
;;     end
;;     global.get 0
;;     local.set 1
;;     block ;; label = @1
;;       block (result i32) ;; label = @2
;;         local.get 0
;;       end
;;       local.get 1
;;       i64.const 3
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
;;   (func (;1;) (type 0) (param i32) (result i32)
;;     (local i64 i32)
;;     global.get 1
;;     local.tee 2
;;     i32.const 10
;;     i32.sub
;;     global.set 1
;;     global.get 1
;;     global.get 2
;;     i32.lt_s
;;     if ;; label = @1
;;       global.get 1
;;       i32.const 0
;;       i32.lt_s
;;       if ;; label = @2
;;         i32.const 2
;;         global.set 3
;;         unreachable
;;       end
;;       global.get 0
;;       global.get 2
;;       global.get 1
;;       i32.sub
;;       i64.extend_i32_u
;;       i64.const 3
;;       i64.mul
;;       i64.sub
;;       global.set 0
;;       global.get 1
;;       global.set 2
;;     end
;;     global.get 0
;;     local.set 1
;;     block ;; label = @1
;;       block (result i32) ;; label = @2
;;         local.get 1
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
;;         local.get 1
;;         i64.const 6
;;         i64.sub
;;         local.set 1
;;         local.get 1
;;         global.set 0
;;         local.get 1
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
;;         local.get 0
;;         local.get 2
;;         global.set 1
;;         return_call 0
;;       end
;;       local.get 1
;;       global.set 0
;;       local.get 1
;;       i64.const 0
;;       i64.lt_s
;;       br_if 0 (;@1;)
;;       local.get 2
;;       global.set 1
;;       return
;;     end
;;     i64.const -1
;;     global.set 0
;;     i32.const 1
;;     global.set 3
;;     unreachable
;;   )
;; )
