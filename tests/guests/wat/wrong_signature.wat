;; Imports a function that every host has, with a result that it does not.
(module
  (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i64)))
  (memory (export "memory") 1)
  (func (export "_start")))
