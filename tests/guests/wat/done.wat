;; Does nothing, and is done.
(module
    (func (export "_start")))
