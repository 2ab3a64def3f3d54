;; Calls itself without end: the stack bound has to end it.
(module
  (memory (export "memory") 1)
  (func $again (export "_start") (call $again)))
