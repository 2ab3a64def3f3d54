;; Is well-formed and does not validate: a function promises a number and gives none.
(module
  (memory (export "memory") 1)
  (func (export "_start") (result i32)))
