;; Writes storage, asks the web for a price in a non-deterministic block, stores and returns what the block came to, and sends a message and
;; an event. The block is told apart by what it may not do.
(module
    (import "genlayer_sdk" "storage_read" (func $storage_read (param i32 i32 i32 i32) (result i32)))
    (import "genlayer_sdk" "storage_write" (func $storage_write (param i32 i32 i32 i32) (result i32)))
    (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)

    ;; Two slots: the one of zeros lies at 512.
    (data (i32.const 64) "\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff")
    (data (i32.const 600) "0123456789")
    (data (i32.const 620) "the last sixteen")
    ;; {"RunNondetWith": {"data": b#, "strategy": "StrictEq"}}
    (data (i32.const 1000) "\0e\0dRunNondetWith\16\04data\03\08strategyDStrictEq")
    ;; {"WebRender": {"mode": "text", "url": "https://example.org/price", "wait_after_loaded": "0ms"}}
    (data (i32.const 1100) "\0e\09WebRender\1e\04mode$text\03url\cc\01https://example.org/price\11wait_after_loaded\1c0ms")
    ;; {"PostMessage": {"address": addr#22.., "calldata": {"method": "paid"}, "on": "finalized", "value": 250}}
    (data (i32.const 1200) "\0e\0bPostMessage&\07address\18\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\08calldata\0e\06method$paid\02onLfinalized\05value\d1\0f")
    ;; {"EmitEvent": {"blob": {"price": -7}, "topics": [b#ab..]}}
    (data (i32.const 1300) "\0e\09EmitEvent\16\04blob\0e\05price2\06topics\0d\83\02\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab\ab")
    ;; {"Return": and the value behind it
    (data (i32.const 4088) "\0e\06Return")

    ;; Reads a result to `buffer`, where there is room for 1,024 bytes. Gives how many it has.
    (func $read (param $fd i32) (param $buffer i32) (result i32)
        (i32.store (i32.const 8) (local.get $buffer))
        (i32.store (i32.const 12) (i32.const 1024))
        (drop (call $fd_read (local.get $fd) (i32.const 8) (i32.const 1) (i32.const 16)))
        (i32.load (i32.const 16)))

    (func $request (param $at i32) (param $length i32) (result i32)
        (if (call $gl_call (local.get $at) (local.get $length) (i32.const 0)) (then (unreachable)))
        (i32.load (i32.const 0)))

    (func $block (local $length i32)
        (local.set $length (call $read (call $request (i32.const 1100) (i32.const 75)) (i32.const 4096)))
        (drop (call $request (i32.const 4088) (i32.add (i32.const 8) (local.get $length)))))

    (func (export "_start") (local $length i32)
        (if (i32.eq (call $storage_read (i32.const 512) (i32.const 30) (i32.const 700) (i32.const 4)) (i32.const 6))
            (then (call $block)))
        (drop (call $storage_write (i32.const 512) (i32.const 28) (i32.const 600) (i32.const 10)))
        (drop (call $storage_write (i32.const 64) (i32.const 0xfffffff0) (i32.const 620) (i32.const 16)))
        ;; The code byte comes to lie on the last letter of Return, which is put back.
        (local.set $length (call $read (call $request (i32.const 1000) (i32.const 40)) (i32.const 4095)))
        (drop (call $storage_write (i32.const 512) (i32.const 96) (i32.const 4095) (local.get $length)))
        (i32.store8 (i32.const 4095) (i32.const 0x6e))
        (drop (call $request (i32.const 1200) (i32.const 86)))
        (drop (call $request (i32.const 1300) (i32.const 67)))
        (drop (call $request (i32.const 4088) (i32.add (i32.const 7) (local.get $length))))))
