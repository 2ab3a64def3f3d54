;; A host call is handed the ticks that are left and hands them back; referred to in another way, a wrapper of the guest's type stands for it.
(module
  (import "wasi_snapshot_preview1" "fd_tell" (func $fd_tell (param i32 i32) (result i32)))
  (memory 1)
  (table 1 funcref)
  (elem (i32.const 0) $fd_tell)
  (func (export "f") (result i32)
    i32.const 3
    i32.const 64
    call $fd_tell))

;; lowered:
;; (module
;;   (type (;0;) (func (param i32 i32) (result i32)))
;;   (type (;1;) (func (result i32)))
;;   (type (;2;) (func (param i32 i32 i64) (result i32 i64)))
;;   (type (;3;) (func (param i32 i32) (result i32)))
;;   (import "wasi_snapshot_preview1" "fd_tell" (func (;0;) (type 2)))
;;   (table (;0;) 1 funcref)
;;   (memory (;0;) 1)
;;   (global (;0;) (mut i64) i64.const 0)
;;   (global (;1;) (mut i32) i32.const 0)
;;   (global (;2;) (mut i32) i32.const 0)
;;   (global (;3;) (mut i32) i32.const 0)
;;   (export "f" (func 1))
;;   (export "$subvm:memory:0" (memory 0))
;;   (export "$subvm:gas" (global 0))
;;   (export "$subvm:stack" (global 1))
;;   (export "$subvm:mark" (global 2))
;;   (export "$subvm:trap" (global 3))
;;   (elem (;0;) (i32.const 0) func 2)
;;   (func (;1;) (type 1) (result i32)
;;     (local i64 i32)
;;     global.get 1
;;     local.tee 1
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
;;     local.set 0
;;     block ;; label = @1
;;       block (result i32) ;; label = @2
;;         local.get 0
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
;;         local.get 0
;;         i64.const 7
;;         i64.sub
;;         local.set 0
;;         local.get 0
;;         global.set 0
;;         i32.const 3
;;         i32.const 64
;;         global.get 0
;;         call 0
;;         global.set 0
;;         global.get 0
;;         local.set 0
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
;;   (func (;2;) (type 3) (param i32 i32) (result i32)
;;     local.get 0
;;     local.get 1
;;     global.get 0
;;     call 0
;;     global.set 0
;;   )
;; )
