;; Where control divides and much pure work is pending, the locals that hold it go through a barrier: it is computed here, and not again at each use.
(module
  (global $out (mut i64) (i64.const 0))
  (func (export "f") (param i64 i32) (local i64)
    local.get 0 i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
    i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
    i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
    i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
    i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
    i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
    i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
    i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
    i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
    i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
    i64.const 3 i64.mul i64.const 5 i64.mul i64.const 7 i64.mul i64.const 9 i64.mul
    local.set 2
    local.get 1
    if
      local.get 2
      global.set $out
    end))

;; lowered:
;; (module
;;   (type (;0;) (func (param i64 i32)))
;;   (global (;0;) (mut i64) i64.const 0)
;;   (global (;1;) (mut i64) i64.const 0)
;;   (global (;2;) (mut i32) i32.const 0)
;;   (global (;3;) (mut i32) i32.const 0)
;;   (global (;4;) (mut i32) i32.const 0)
;;   (export "f" (func 0))
;;   (export "$subvm:gas" (global 1))
;;   (export "$subvm:stack" (global 2))
;;   (export "$subvm:mark" (global 3))
;;   (export "$subvm:trap" (global 4))
;;   (func (;0;) (type 0) (param i64 i32)
;;     (local i64 i64)
;;     global.get 2
;;     i32.const 25
;;     i32.lt_s
;;     if ;; label = @1
;;       i32.const 2
;;       global.set 4
;;       unreachable
;;     end
;;     global.get 1
;;     local.set 3
;;     block ;; label = @1
;;       block ;; label = @2
;;         local.get 0
;;         i64.const 3
;;         i64.mul
;;         i64.const 5
;;         i64.mul
;;         i64.const 7
;;         i64.mul
;;         i64.const 9
;;         i64.mul
;;         i64.const 3
;;         i64.mul
;;         i64.const 5
;;         i64.mul
;;         i64.const 7
;;         i64.mul
;;         i64.const 9
;;         i64.mul
;;         i64.const 3
;;         i64.mul
;;         i64.const 5
;;         i64.mul
;;         i64.const 7
;;         i64.mul
;;         i64.const 9
;;         i64.mul
;;         i64.const 3
;;         i64.mul
;;         i64.const 5
;;         i64.mul
;;         i64.const 7
;;         i64.mul
;;         i64.const 9
;;         i64.mul
;;         i64.const 3
;;         i64.mul
;;         i64.const 5
;;         i64.mul
;;         i64.const 7
;;         i64.mul
;;         i64.const 9
;;         i64.mul
;;         i64.const 3
;;         i64.mul
;;         i64.const 5
;;         i64.mul
;;         i64.const 7
;;         i64.mul
;;         i64.const 9
;;         i64.mul
;;         i64.const 3
;;         i64.mul
;;         i64.const 5
;;         i64.mul
;;         i64.const 7
;;         i64.mul
;;         i64.const 9
;;         i64.mul
;;         i64.const 3
;;         i64.mul
;;         i64.const 5
;;         i64.mul
;;         i64.const 7
;;         i64.mul
;;         i64.const 9
;;         i64.mul
;;         i64.const 3
;;         i64.mul
;;         i64.const 5
;;         i64.mul
;;         i64.const 7
;;         i64.mul
;;         i64.const 9
;;         i64.mul
;;         i64.const 3
;;         i64.mul
;;         i64.const 5
;;         i64.mul
;;         i64.const 7
;;         i64.mul
;;         i64.const 9
;;         i64.mul
;;         i64.const 3
;;         i64.mul
;;         i64.const 5
;;         i64.mul
;;         i64.const 7
;;         i64.mul
;;         i64.const 9
;;         i64.mul
;;         local.set 2
;;         local.get 1
;;         local.get 3
;;         i64.const -2147483648
;;         i64.eq
;;         if ;; label = @3
;;           i64.const 0
;;           local.set 2
;;         end
;;         if ;; label = @3
;;           local.get 3
;;           i64.const 2
;;           i64.sub
;;           local.set 3
;;           local.get 2
;;           global.set 0
;;         end
;;       end
;;       local.get 3
;;       i64.const 138
;;       i64.sub
;;       global.set 1
;;       return
;;     end
;;     i64.const -1
;;     global.set 1
;;     i32.const 1
;;     global.set 4
;;     unreachable
;;   )
;; )
