;; Never ends: a deadline or the gas limit has to end it.
(module
  (memory (export "memory") 1)
  (func (export "_start") (loop $forever (br $forever))))
