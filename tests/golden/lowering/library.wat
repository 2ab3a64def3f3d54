;; options: counters=imported ordinal=2
;; A later module of a sub-VM imports the counters, and its ordinal stands in the names of host functions.
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (func (export "f")
    call $yield
    drop))

;; lowered:
;; (module
;;   (type (;0;) (func (result i32)))
;;   (type (;1;) (func))
;;   (type (;2;) (func (param i64) (result i32 i64)))
;;   (type (;3;) (func (result i32)))
;;   (import "wasi_snapshot_preview1" "sched_yield$subvm:2" (func (;0;) (type 2)))
;;   (import "$subvm:counters" "$subvm:gas" (global (;0;) (mut i64)))
;;   (import "$subvm:counters" "$subvm:stack" (global (;1;) (mut i32)))
;;   (import "$subvm:counters" "$subvm:mark" (global (;2;) (mut i32)))
;;   (import "$subvm:counters" "$subvm:trap" (global (;3;) (mut i32)))
;;   (export "f" (func 1))
;;   (func (;1;) (type 1)
;;     (local i64 i32)
;;     global.get 1
;;     local.tee 1
;;     i32.const 9
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
;;     local.set 0
;;     block ;; label = @1
;;       block ;; label = @2
;;         local.get 0
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
;;         local.get 0
;;         i64.const 5
;;         i64.sub
;;         local.set 0
;;         local.get 0
;;         global.set 0
;;         global.get 0
;;         call 0
;;         global.set 0
;;         global.get 0
;;         local.set 0
;;         drop
;;       end
;;       local.get 0
;;       global.set 0
;;       local.get 0
;;       i64.const 0
;;       i64.lt_s
;;       br_if 0 (;@1;)
;;       local.get 1
;;       global.set 1
;;       return
;;     end
;;     i64.const -1
;;     global.set 0
;;     i32.const 1
;;     global.set 3
;;     unreachable
;;   )
;;   (func (;2;) (type 3) (result i32)
;;     global.get 0
;;     call 0
;;     global.set 0
;;   )
;; )
