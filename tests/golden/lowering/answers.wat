;; What stays is kept, and answered here: the clock until a descriptor is closed, a refusal until another call may be refused.
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_tell" (func $tell (param i32 i32) (result i32)))
  (memory 1)
  (func (result i32)
    (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 8)))
    (drop (call $close (i32.const 4)))
    (drop (call $tell (i32.const 3) (i32.const 8)))
    (call $shutdown (i32.const 3) (i32.const 0))))

;; lowered:
;; (module
;;   (type (;0;) (func (param i32 i64 i32) (result i32)))
;;   (type (;1;) (func (param i32 i32) (result i32)))
;;   (type (;2;) (func (param i32) (result i32)))
;;   (type (;3;) (func (result i32)))
;;   (type (;4;) (func (param i32 i64 i32 i64) (result i32 i64)))
;;   (type (;5;) (func (param i32 i64 i32) (result i32)))
;;   (type (;6;) (func (param i32 i32 i64) (result i32 i64)))
;;   (type (;7;) (func (param i32 i32) (result i32)))
;;   (type (;8;) (func (param i32 i64) (result i32 i64)))
;;   (type (;9;) (func (param i32) (result i32)))
;;   (import "wasi_snapshot_preview1" "clock_time_get" (func (;0;) (type 4)))
;;   (import "wasi_snapshot_preview1" "sock_shutdown" (func (;1;) (type 6)))
;;   (import "wasi_snapshot_preview1" "fd_close" (func (;2;) (type 8)))
;;   (import "wasi_snapshot_preview1" "fd_tell" (func (;3;) (type 6)))
;;   (memory (;0;) 1)
;;   (global (;0;) (mut i64) i64.const 0)
;;   (global (;1;) (mut i32) i32.const 0)
;;   (global (;2;) (mut i32) i32.const 0)
;;   (global (;3;) (mut i32) i32.const 0)
;;   (global (;4;) (mut i32) i32.const 0)
;;   (global (;5;) (mut i32) i32.const 0)
;;   (global (;6;) (mut i64) i64.const -1)
;;   (export "$subvm:memory:0" (memory 0))
;;   (export "$subvm:gas" (global 0))
;;   (export "$subvm:stack" (global 1))
;;   (export "$subvm:mark" (global 2))
;;   (export "$subvm:trap" (global 3))
;;   (func (;4;) (type 3) (result i32)
;;     (local i64 i32)
;;     global.get 1
;;     local.tee 1
;;     i32.const 13
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
;;         i64.const 8
;;         i64.sub
;;         local.set 0
;;         local.get 0
;;         global.set 0
;;         i32.const 0
;;         i64.const 0
;;         i32.const 8
;;         call 5
;;         global.get 0
;;         local.set 0
;;         local.get 0
;;         i64.const 4
;;         i64.sub
;;         local.set 0
;;         local.get 0
;;         global.set 0
;;         drop
;;         i32.const 4
;;         call 7
;;         global.get 0
;;         local.set 0
;;         local.get 0
;;         i64.const 5
;;         i64.sub
;;         local.set 0
;;         local.get 0
;;         global.set 0
;;         drop
;;         i32.const 3
;;         i32.const 8
;;         global.get 0
;;         call 3
;;         global.set 0
;;         i32.const 0
;;         global.set 5
;;         global.get 0
;;         local.set 0
;;         local.get 0
;;         i64.const 5
;;         i64.sub
;;         local.set 0
;;         local.get 0
;;         global.set 0
;;         drop
;;         i32.const 3
;;         i32.const 0
;;         call 6
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
;;   (func (;5;) (type 5) (param i32 i64 i32) (result i32)
;;     ...
;;   )
;;   (func (;6;) (type 7) (param i32 i32) (result i32)
;;     ...
;;   )
;;   (func (;7;) (type 9) (param i32) (result i32)
;;     local.get 0
;;     global.get 0
;;     call 2
;;     global.set 0
;;     i64.const -1
;;     global.set 6
;;     i32.const 0
;;     global.set 5
;;   )
;;   (func (;8;) (type 7) (param i32 i32) (result i32)
;;     local.get 0
;;     local.get 1
;;     global.get 0
;;     call 3
;;     global.set 0
;;     i32.const 0
;;     global.set 5
;;   )
;; )
