// A sketch of a contract in AssemblyScript: each call adds one, and returns the count. It shows the imports; docs/spec/sdk.md has all of them.
//
//   asc counter.ts -o counter.wasm -O --runtime stub --use abort=
@external("genlayer_sdk", "storage_read")
declare function storage_read(slot: usize, index: u32, into: usize, len: u32): u32;
@external("genlayer_sdk", "storage_write")
declare function storage_write(slot: usize, index: u32, from: usize, len: u32): u32;
@external("genlayer_sdk", "gl_call")
declare function gl_call(request: usize, len: u32, result: usize): u32;

const slot = memory.data(32); // 32 zeros
const kept = memory.data(8);
const request = memory.data(32);
const none = memory.data(4);

// {"Return": n}: a map of one entry, the key's length and text, then the integer, the lowest bits first (docs/spec/calldata.md).
function returns(n: u64): void {
  const key = memory.data<u8>([0x0e, 6, 82, 101, 116, 117, 114, 110]);
  memory.copy(request, key, 8);
  let len: u32 = 8;
  let group = <u8>(((n & 0xf) << 3) | 1);
  for (n >>= 4; n; n >>= 7) {
    store<u8>(request + len++, group | 0x80);
    group = <u8>(n & 0x7f);
  }
  store<u8>(request + len++, group);
  gl_call(request, len, none); // ends the run
}

export function _start(): void {
  if (storage_read(slot, 0, kept, 8)) unreachable();
  const count = load<u64>(kept) + 1;
  store<u64>(kept, count);
  if (storage_write(slot, 0, kept, 8)) unreachable();
  returns(count);
}
