;; Imports a function that no host has.
(module
  (import "wasi_snapshot_preview1" "fd_conjure" (func (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")))
