;; A short loop is written several times: the counter is compared and written once for so many rounds.
(module
  (memory 1)
  (func (export "f") (param i32) (result i32)
    block
      loop
        local.get 0
        i32.load8_u
        i32.eqz
        br_if 1
        local.get 0
        i32.const 1
        i32.add
        local.set 0
        br 0
      end
    end
    local.get 0))

;; lowered:
;; (module
;;   (type (;0;) (func (param i32) (result i32)))
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
;;   (func (;0;) (type 0) (param i32) (result i32)
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
;;       block (result i32) ;; label = @2
;;         local.get 1
;;         i64.const 0
;;         i64.lt_s
;;         br_if 1 (;@1;)
;;         local.get 1
;;         i64.const 2
;;         i64.sub
;;         local.set 1
;;         block ;; label = @3
;;           block ;; label = @4
;;             loop ;; label = @5
;;               local.get 1
;;               global.set 0
;;               local.get 1
;;               i64.const 0
;;               i64.lt_s
;;               br_if 4 (;@1;)
;;               block ;; label = @6
;;                 local.get 0
;;                 i32.load8_u
;;                 i32.eqz
;;                 br_if 3 (;@3;)
;;                 local.get 0
;;                 i32.const 1
;;                 i32.add
;;                 local.set 0
;;                 br 0 (;@6;)
;;               end
;;               local.get 1
;;               i64.const 10
;;               i64.sub
;;               local.set 1
;;               block ;; label = @6
;;                 local.get 0
;;                 i32.load8_u
;;                 i32.eqz
;;                 br_if 3 (;@3;)
;;                 local.get 0
;;                 i32.const 1
;;                 i32.add
;;                 local.set 0
;;                 br 0 (;@6;)
;;               end
;;               local.get 1
;;               i64.const 10
;;               i64.sub
;;               local.set 1
;;               block ;; label = @6
;;                 local.get 0
;;                 i32.load8_u
;;                 i32.eqz
;;                 br_if 3 (;@3;)
;;                 local.get 0
;;                 i32.const 1
;;                 i32.add
;;                 local.set 0
;;                 br 0 (;@6;)
;;               end
;;               local.get 1
;;               i64.const 10
;;               i64.sub
;;               local.set 1
;;               block ;; label = @6
;;                 local.get 0
;;                 i32.load8_u
;;                 i32.eqz
;;                 br_if 3 (;@3;)
;;                 local.get 0
;;                 i32.const 1
;;                 i32.add
;;                 local.set 0
;;                 br 0 (;@6;)
;;               end
;;               local.get 1
;;               i64.const 10
;;               i64.sub
;;               local.set 1
;;               block ;; label = @6
;;                 local.get 0
;;                 i32.load8_u
;;                 i32.eqz
;;                 br_if 3 (;@3;)
;;                 local.get 0
;;                 i32.const 1
;;                 i32.add
;;                 local.set 0
;;                 br 0 (;@6;)
;;               end
;;               local.get 1
;;               i64.const 10
;;               i64.sub
;;               local.set 1
;;               block ;; label = @6
;;                 local.get 0
;;                 i32.load8_u
;;                 i32.eqz
;;                 br_if 3 (;@3;)
;;                 local.get 0
;;                 i32.const 1
;;                 i32.add
;;                 local.set 0
;;                 br 0 (;@6;)
;;               end
;;               local.get 1
;;               i64.const 10
;;               i64.sub
;;               local.set 1
;;               block ;; label = @6
;;                 local.get 0
;;                 i32.load8_u
;;                 i32.eqz
;;                 br_if 3 (;@3;)
;;                 local.get 0
;;                 i32.const 1
;;                 i32.add
;;                 local.set 0
;;                 br 0 (;@6;)
;;               end
;;               local.get 1
;;               i64.const 10
;;               i64.sub
;;               local.set 1
;;               local.get 0
;;               i32.load8_u
;;               i32.eqz
;;               br_if 2 (;@3;)
;;               local.get 1
;;               i64.const 10
;;               i64.sub
;;               local.set 1
;;               local.get 0
;;               i32.const 1
;;               i32.add
;;               local.set 0
;;               br 0 (;@5;)
;;             end
;;           end
;;           local.get 1
;;           i64.const -5
;;           i64.sub
;;           local.set 1
;;         end
;;         local.get 0
;;       end
;;       local.get 1
;;       i64.const 6
;;       i64.sub
;;       local.set 1
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
