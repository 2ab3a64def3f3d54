;; A label that a br_table names owes nothing: what is owed is paid on the way.
(module
  (func (export "f") (param i32) (result i32)
    block
      block
        local.get 0
        br_table 0 1
      end
      i32.const 1
      return
    end
    i32.const 2))

;; lowered:
;; (module
;;   (type (;0;) (func (param i32) (result i32)))
;;   (global (;0;) (mut i64) i64.const 0)
;;   (global (;1;) (mut i32) i32.const 0)
;;   (global (;2;) (mut i32) i32.const 0)
;;   (global (;3;) (mut i32) i32.const 0)
;;   (export "f" (func 0))
;;   (export "$subvm:gas" (global 0))
;;   (export "$subvm:stack" (global 1))
;;   (export "$subvm:mark" (global 2))
;;   (export "$subvm:trap" (global 3))
;;   (func (;0;) (type 0) (param i32) (result i32)
;;     (local i64)
;;     global.get 1
;;     i32.const 11
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
;;         local.get 1
;;         i64.const 6
;;         i64.sub
;;         local.set 1
;;         block ;; label = @3
;;           block ;; label = @4
;;             local.get 0
;;             br_table 0 (;@4;) 1 (;@3;)
;;           end
;;           i32.const 1
;;           br 1 (;@2;)
;;         end
;;         i32.const 2
;;       end
;;       local.get 1
;;       i64.const 1
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
