;; Beyond what may be lifted out of a loop, every local that is read in it with a value from outside goes through a barrier at its head.
(module
  (global $never (mut i32) (i32.const 0))
  (global $out (mut i64) (i64.const 0))
  (func (export "f") (param i64)
    loop
      global.get $never
      if
        local.get 0 i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
        i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
        i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
        i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
        i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
        i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
        i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
        i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
        global.set $out
        local.get 0 i64.const 11 i64.mul
        global.set $out
      end
      br 0
    end))

;; lowered:
;; (module
;;   (type (;0;) (func (param i64)))
;;   (global (;0;) (mut i32) i32.const 0)
;;   (global (;1;) (mut i64) i64.const 0)
;;   (global (;2;) (mut i64) i64.const 0)
;;   (global (;3;) (mut i32) i32.const 0)
;;   (global (;4;) (mut i32) i32.const 0)
;;   (global (;5;) (mut i32) i32.const 0)
;;   (export "f" (func 0))
;;   (export "$subvm:gas" (global 2))
;;   (export "$subvm:stack" (global 3))
;;   (export "$subvm:mark" (global 4))
;;   (export "$subvm:trap" (global 5))
;;   (func (;0;) (type 0) (param i64)
;;     (local i64)
;;     global.get 3
;;     i32.const 20
;;     i32.lt_s
;;     if ;; label = @1
;;       i32.const 2
;;       global.set 5
;;       unreachable
;;     end
;;     global.get 2
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
;;           global.set 2
;;           local.get 1
;;           i64.const 0
;;           i64.lt_s
;;           br_if 2 (;@1;)
;;           local.get 1
;;           i64.const -2147483648
;;           i64.eq
;;           if ;; label = @4
;;             i64.const 0
;;             local.set 0
;;           end
;;           global.get 0
;;           if ;; label = @4
;;             local.get 1
;;             i64.const 103
;;             i64.sub
;;             local.set 1
;;             local.get 0
;;             i64.const 3
;;             i64.mul
;;             i64.const 5
;;             i64.mul
;;             i64.const 7
;;             i64.mul
;;             i64.const 9
;;             i64.mul
;;             i64.const 3
;;             i64.mul
;;             i64.const 5
;;             i64.mul
;;             i64.const 7
;;             i64.mul
;;             i64.const 9
;;             i64.mul
;;             i64.const 3
;;             i64.mul
;;             i64.const 5
;;             i64.mul
;;             i64.const 7
;;             i64.mul
;;             i64.const 9
;;             i64.mul
;;             i64.const 3
;;             i64.mul
;;             i64.const 5
;;             i64.mul
;;             i64.const 7
;;             i64.mul
;;             i64.const 9
;;             i64.mul
;;             i64.const 3
;;             i64.mul
;;             i64.const 5
;;             i64.mul
;;             i64.const 7
;;             i64.mul
;;             i64.const 9
;;             i64.mul
;;             i64.const 3
;;             i64.mul
;;             i64.const 5
;;             i64.mul
;;             i64.const 7
;;             i64.mul
;;             i64.const 9
;;             i64.mul
;;             i64.const 3
;;             i64.mul
;;             i64.const 5
;;             i64.mul
;;             i64.const 7
;;             i64.mul
;;             i64.const 9
;;             i64.mul
;;             i64.const 3
;;             i64.mul
;;             i64.const 5
;;             i64.mul
;;             i64.const 7
;;             i64.mul
;;             i64.const 9
;;             i64.mul
;;             global.set 1
;;             local.get 0
;;             i64.const 11
;;             i64.mul
;;             global.set 1
;;           end
;;           local.get 1
;;           i64.const 3
;;           i64.sub
;;           local.set 1
;;           br 0 (;@3;)
;;         end
;;       end
;;       local.get 1
;;       global.set 2
;;       local.get 1
;;       i64.const 0
;;       i64.lt_s
;;       br_if 0 (;@1;)
;;       return
;;     end
;;     i64.const -1
;;     global.set 2
;;     i32.const 1
;;     global.set 5
;;     unreachable
;;   )
;; )
