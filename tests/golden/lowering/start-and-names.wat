;; The start section becomes an export, memories are exported, and custom sections are dropped.
(module $named
  (memory 1)
  (memory 2)
  (func $begin)
  (start $begin)
  (@custom "note" "anything"))

;; lowered:
;; (module
;;   (type (;0;) (func))
;;   (memory (;0;) 1)
;;   (memory (;1;) 2)
;;   (global (;0;) (mut i64) i64.const 0)
;;   (global (;1;) (mut i32) i32.const 0)
;;   (global (;2;) (mut i32) i32.const 0)
;;   (global (;3;) (mut i32) i32.const 0)
;;   (export "$subvm:memory:0" (memory 0))
;;   (export "$subvm:memory:1" (memory 1))
;;   (export "$subvm:gas" (global 0))
;;   (export "$subvm:stack" (global 1))
;;   (export "$subvm:mark" (global 2))
;;   (export "$subvm:trap" (global 3))
;;   (export "$subvm:start" (func 0))
;;   (func (;0;) (type 0)
;;     (local i64)
;;     global.get 1
;;     i32.const 8
;;     i32.lt_s
;;     if ;; label = @1
;;       i32.const 2
;;       global.set 3
;;       unreachable
;;     end
;;     global.get 0
;;     local.set 0
;;     block ;; label = @1
;;       block ;; label = @2
;;       end
;;       local.get 0
;;       i64.const 2
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
