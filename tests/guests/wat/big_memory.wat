;; Wants the largest memory that 32 bits can address: 65,536 pages, two more than a sub-VM's RAM has room for.
(module
  (memory (export "memory") 65536)
  (func (export "_start")))
