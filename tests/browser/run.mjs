// Runs a transaction of the vectors in the module at the path given, and prints what it comes to: node run.mjs MODULE INDEX
import { readFileSync } from "node:fs";

const [path, index] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(path), {});
const at = instance.exports.run_transaction(Number(index));
const memory = instance.exports.memory.buffer;
const length = new DataView(memory).getUint32(at, true);
console.log(new TextDecoder().decode(new Uint8Array(memory, at + 4, length)));
