;; The counter is compared and written at a loop head.
(module
  (func (export "f") (param i32)
    loop
      block
        local.get 0
        i32.const 1
        i32.sub
        local.tee 0
        br_if 1
      end
    end))

;; lowered:
;; (module
;;   (type (;0;) (func (param i32)))
;;   (global (;0;) (mut i64) i64.const 0)
;;   (global (;1;) (mut i32) i32.const 0)
;;   (global (;2;) (mut i32) i32.const 0)
;;   (global (;3;) (mut i32) i32.const 0)
;;   (export "f" (func 0))
;;   (export "$subvm:gas" (global 0))
;;   (export "$subvm:stack" (global 1))
;;   (export "$subvm:mark" (global 2))
;;   (export "$subvm:trap" (global 3))
;;   (func (;0;) (type 0) (param i32)
;;     (local i64)
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
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
;;         local.get 1
;;         i64.const 2
;;         i64.sub
;;         local.set 1
;;         loop ;; label = @3
;;           local.get 1
;;           global.set 0
;;           local.get 1
;;           i64.const 0
;;           i64.lt_s
;;           br_if 2 (;@1;)
;;           local.get 1
;;           i64.const 5
;;           i64.sub
;;           local.set 1
;;           block ;; label = @4
;;             local.get 0
;;             i32.const 1
;;             i32.sub
;;             local.tee 0
;;             br_if 1 (;@3;)
;;           end
;;         end
;;       end
;;       local.get 1
;;       global.set 0
;;       local.get 1
;;       i64.const 0
;;       i64.lt_s
;;       br_if 0 (;@1;)
;;       return
;;     end
;;     i64.const -1
;;     global.set 0
;;     i32.const 1
;;     global.set 3
;;     unreachable
;;   )
;; )
