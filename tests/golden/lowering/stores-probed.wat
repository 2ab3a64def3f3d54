;; options: probe_stores
;; Where a processor may tear a store that traps, a load of the same place comes first.
(module
  (memory 1)
  (func (export "f") (param i32)
    local.get 0
    i32.const 1
    i32.store offset=8))

;; lowered:
;; (module
;;   (type (;0;) (func (param i32)))
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
;;     (local i64 i32 i32)
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
;;       block ;; label = @2
;;         local.get 0
;;         i32.const 1
;;         local.set 3
;;         local.tee 2
;;         i32.load offset=8
;;         drop
;;         local.get 2
;;         local.get 3
;;         i32.store offset=8
;;       end
;;       local.get 1
;;       i64.const 6
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
