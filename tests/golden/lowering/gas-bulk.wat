;; A bulk instruction is charged by its size before it runs.
(module
  (memory 1)
  (func (export "f") (param i32)
    i32.const 0
    i32.const 7
    local.get 0
    memory.fill))

;; lowered:
;; (module
;;   (type (;0;) (func (param i32)))
;;   (type (;1;) (func (param i32 i32 i32)))
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
;;   (func (;0;) (type 0) (param i32)
;;     (local i64 i32 i32 i32)
;;     global.get 1
;;     i32.const 12
;;     i32.lt_s
;;     if ;; label = @1
;;       i32.const 2
;;       global.set 3
;;       unreachable
;;     end
;;     global.get 0
;;     local.set 1
;;     block ;; label = @1
;;       block ;; label = @2
;;         local.get 1
;;         i64.const 35
;;         i64.sub
;;         local.set 1
;;         local.get 1
;;         global.set 0
;;         i32.const 0
;;         i32.const 7
;;         local.get 0
;;         local.set 4
;;         local.set 3
;;         local.set 2
;;         local.get 4
;;         i32.const 1
;;         i32.sub
;;         i32.const 16777215
;;         i32.gt_u
;;         if ;; label = @3
;;           local.get 2
;;           local.get 3
;;           local.get 4
;;           call 1
;;           global.get 0
;;           local.set 1
;;         else
;;           local.get 1
;;           local.get 4
;;           i64.extend_i32_u
;;           i64.const 3
;;           i64.shr_u
;;           i64.sub
;;           local.set 1
;;           local.get 1
;;           global.set 0
;;           local.get 1
;;           i64.const 0
;;           i64.lt_s
;;           br_if 2 (;@1;)
;;           local.get 2
;;           local.get 3
;;           local.get 4
;;           memory.fill
;;         end
;;       end
;;       local.get 1
;;       global.set 0
;;       return
;;     end
;;     i64.const -1
;;     global.set 0
;;     i32.const 1
;;     global.set 3
;;     unreachable
;;   )
;;   (func (;1;) (type 1) (param i32 i32 i32)
;;     ...
;;   )
;; )
