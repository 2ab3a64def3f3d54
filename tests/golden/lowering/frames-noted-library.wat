;; options: frames counters=imported ordinal=1
;; A later module of a sub-VM imports the memory for its notes: those that it defines itself stand one place further.
(module
  (import "lib" "m" (memory 1))
  (memory 1)
  (data (memory 1) (i32.const 0) "x")
  (func (export "f")
    i32.const 0
    i32.const 1
    i32.load 1
    i32.store 0
    memory.size 1
    memory.grow 1
    drop))

;; lowered:
;; (module
;;   (type (;0;) (func))
;;   (type (;1;) (func (param i32) (result i32)))
;;   (import "lib" "m" (memory (;0;) 1))
;;   (import "$subvm:counters" "$subvm:gas" (global (;0;) (mut i64)))
;;   (import "$subvm:counters" "$subvm:stack" (global (;1;) (mut i32)))
;;   (import "$subvm:counters" "$subvm:mark" (global (;2;) (mut i32)))
;;   (import "$subvm:counters" "$subvm:trap" (global (;3;) (mut i32)))
;;   (import "$subvm:counters" "$subvm:frames" (memory (;1;) 129 129))
;;   (memory (;2;) 1)
;;   (export "f" (func 0))
;;   (export "$subvm:memory:0" (memory 0))
;;   (export "$subvm:memory:1" (memory 2))
;;   (func (;0;) (type 0)
;;     (local i64 i32 i32)
;;     global.get 1
;;     i32.const 11
;;     i32.sub
;;     global.set 1
;;     global.get 1
;;     i32.const 0
;;     i32.lt_s
;;     if ;; label = @1
;;       i32.const 0
;;       i64.const 72057594037927947
;;       i64.store 1 offset=8388608 align=1
;;       i32.const 2
;;       global.set 3
;;       unreachable
;;     end
;;     global.get 1
;;     i64.const 72057594037927947
;;     i64.store 1 align=1
;;     global.get 0
;;     local.set 0
;;     block ;; label = @1
;;       block ;; label = @2
;;         local.get 0
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
;;         local.get 0
;;         i64.const 2009
;;         i64.sub
;;         local.set 0
;;         local.get 0
;;         global.set 0
;;         local.get 0
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
;;         i32.const 0
;;         i32.const 1
;;         i32.load 2
;;         i32.store
;;         memory.size 2
;;         call 1
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
;;       global.get 1
;;       i32.const 11
;;       i32.add
;;       global.set 1
;;       return
;;     end
;;     i64.const -1
;;     global.set 0
;;     i32.const 1
;;     global.set 3
;;     unreachable
;;   )
;;   (func (;1;) (type 1) (param i32) (result i32)
;;     global.get 0
;;     local.get 0
;;     i64.extend_i32_u
;;     i64.const 32768
;;     i64.mul
;;     i64.sub
;;     global.set 0
;;     global.get 0
;;     i64.const 0
;;     i64.lt_s
;;     if ;; label = @1
;;       i32.const 1
;;       global.set 3
;;       unreachable
;;     end
;;     local.get 0
;;     memory.grow 2
;;   )
;;   (data (;0;) (memory 2) (i32.const 0) "x")
;; )
