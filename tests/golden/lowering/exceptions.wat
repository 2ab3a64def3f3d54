;; options: floats=native exceptions

;; A label that a `try_table` names is reached by an exception, by a branch, by the end of the block, and by the way around an `if`.
(module
  (tag $e (param i32))
  (func $throws (param i32)
    (throw $e (local.get 0)))
  (func (param i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $e $caught)
        (call $throws (local.get 0))
        (br_if $caught (i32.const 1) (local.get 0))
        (drop))
      (i32.const 2)))
  (func (param exnref)
    (if $all (ref.is_null (local.get 0))
      (then (try_table (catch_all $all) (throw_ref (local.get 0)))))))

;; lowered:
;; (module
;;   (type (;0;) (func (param i32)))
;;   (type (;1;) (func (param i32) (result i32)))
;;   (type (;2;) (func (param exnref)))
;;   (tag (;0;) (type 0) (param i32))
;;   (global (;0;) (mut i64) i64.const 0)
;;   (global (;1;) (mut i32) i32.const 0)
;;   (global (;2;) (mut i32) i32.const 0)
;;   (global (;3;) (mut i32) i32.const 0)
;;   (export "$subvm:gas" (global 0))
;;   (export "$subvm:stack" (global 1))
;;   (export "$subvm:mark" (global 2))
;;   (export "$subvm:trap" (global 3))
;;   (func (;0;) (type 0) (param i32)
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
;;       block ;; label = @2
;;         local.get 1
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
;;         local.get 1
;;         i64.const 503
;;         i64.sub
;;         local.set 1
;;         local.get 1
;;         global.set 0
;;         local.get 1
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
;;         local.get 0
;;         throw 0
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
;;   (func (;1;) (type 1) (param i32) (result i32)
;;     (local i64 i32 i32)
;;     global.get 1
;;     local.tee 2
;;     i32.const 12
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
;;     global.get 1
;;     local.set 3
;;     global.get 0
;;     local.set 1
;;     block ;; label = @1
;;       block (result i32) ;; label = @2
;;         local.get 1
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
;;         local.get 1
;;         i64.const 14
;;         i64.sub
;;         local.set 1
;;         local.get 1
;;         global.set 0
;;         block (result i32) ;; label = @3
;;           try_table (catch 0 0 (;@3;)) ;; label = @4
;;             local.get 0
;;             call 0
;;             global.get 0
;;             local.set 1
;;             local.get 1
;;             i64.const 3
;;             i64.sub
;;             local.set 1
;;             local.get 1
;;             global.set 0
;;             i32.const 1
;;             local.get 0
;;             br_if 1 (;@3;)
;;             drop
;;           end
;;           local.get 1
;;           i64.const 1
;;           i64.sub
;;           local.set 1
;;           local.get 1
;;           global.set 0
;;           i32.const 2
;;         end
;;         global.get 0
;;         local.get 3
;;         global.get 1
;;         i32.sub
;;         i64.extend_i32_u
;;         i64.const 64
;;         i64.mul
;;         i64.const 3
;;         i64.shr_u
;;         i64.sub
;;         local.tee 1
;;         global.set 0
;;         local.get 3
;;         global.set 1
;;         local.get 1
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
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
;;   (func (;2;) (type 2) (param exnref)
;;     (local i64 i32 i32)
;;     global.get 1
;;     local.tee 2
;;     i32.const 11
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
;;     global.get 1
;;     local.set 3
;;     global.get 0
;;     local.set 1
;;     block ;; label = @1
;;       block ;; label = @2
;;         local.get 1
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
;;         local.get 0
;;         ref.is_null
;;         if ;; label = @3
;;           local.get 1
;;           i64.const 514
;;           i64.sub
;;           local.set 1
;;           local.get 1
;;           global.set 0
;;           local.get 1
;;           i64.const 0
;;           i64.lt_s
;;           br_if 2 (;@1;)
;;           try_table (catch_all 0 (;@3;)) ;; label = @4
;;             local.get 0
;;             throw_ref
;;           end
;;           local.get 1
;;           global.set 0
;;         else
;;           local.get 1
;;           i64.const 5
;;           i64.sub
;;           local.set 1
;;           local.get 1
;;           global.set 0
;;         end
;;         global.get 0
;;         local.get 3
;;         global.get 1
;;         i32.sub
;;         i64.extend_i32_u
;;         i64.const 64
;;         i64.mul
;;         i64.const 3
;;         i64.shr_u
;;         i64.sub
;;         local.tee 1
;;         global.set 0
;;         local.get 3
;;         global.set 1
;;         local.get 1
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
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
