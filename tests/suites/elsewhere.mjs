// Runs a module on Node.js's WASI, as `subvm exec` runs it: elsewhere.mjs MAPS ENV MODULE ARGS.., where MAPS and ENV are JSON (an object of guest paths
// to folders, an object of variables). It ends with the module's exit code.
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const [maps, env, module, ...args] = process.argv.slice(2);
const wasi = new WASI({ version: "preview1", args: [module, ...args], env: JSON.parse(env), preopens: JSON.parse(maps), returnOnExit: true });
const compiled = await WebAssembly.compile(await readFile(module));
process.exitCode = wasi.start(await WebAssembly.instantiate(compiled, wasi.getImportObject()));
