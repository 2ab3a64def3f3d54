// Records what the programs of programs.json print on a WASI runtime that is not ours: node:wasi, which is V8 with
// uvwasi. Their output on subvm has to equal it.
//
//   node record.mjs [NAME...]            runs them and writes the expected output
//   node record.mjs --check [NAME...]    runs them and compares; fails where one byte differs
//
// Three functions of the runtime are replaced, since every runtime answers them in its own way: the clock, which begins
// at 2024-01-01T00:00:00Z; waiting, which nobody has time for, so that the clock goes on by what was waited for; and
// the random bytes, which are those of docs/spec/wasi.md, derived here once more. A module that was not fetched is left
// out with a loud line.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { spawnSync } from 'node:child_process';

const ROOT = path.resolve(import.meta.dirname, '../..');
const MANIFEST = path.join(import.meta.dirname, 'programs.json');
const RUNTIME = `node:wasi (V8 and uvwasi) of Node.js ${process.version}`;
// Node.js 20 crashes now and then where Ruby ends while its code is still being optimised.
const FLAGS = ['--no-warnings', '--no-wasm-dynamic-tiering'];
const NOW = 1_704_067_200_000_000_000n; // nanoseconds since the epoch
const ENVIRONMENT = { LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', TZ: 'UTC' };

const inRepository = (file) => path.join(ROOT, file);

/** MT19937, seeded with an array of words; from the paper by Matsumoto and Nishimura. */
function mersenneTwister(key) {
  const N = 624;
  const state = new Uint32Array(N);
  state[0] = 19_650_218;
  for (let i = 1; i < N; i++) state[i] = Math.imul(1_812_433_253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  let i = 1;
  const step = (factor, add) => {
    state[i] = (state[i] ^ Math.imul(state[i - 1] ^ (state[i - 1] >>> 30), factor)) + add;
    if (++i === N) { state[0] = state[N - 1]; i = 1; }
  };
  for (let k = 0; k < N; k++) step(1_664_525, key[k % key.length] + (k % key.length));
  for (let k = 1; k < N; k++) step(1_566_083_941, -i);
  state[0] = 0x8000_0000;

  let next = N;
  const twist = () => {
    for (let k = 0; k < N; k++) {
      const y = (state[k] & 0x8000_0000) | (state[(k + 1) % N] & 0x7fff_ffff);
      state[k] = state[(k + 397) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908_b0df : 0);
    }
    next = 0;
  };
  return () => {
    if (next === N) twist();
    let y = state[next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c_5680;
    y ^= (y << 15) & 0xefc6_0000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

/** The imports of a WASI runtime whose clock goes on where somebody waits and whose random bytes are known. */
function imports(wasi, memory) {
  let now = NOW;
  const word = mersenneTwister([...'GenLayer'].map((c) => c.charCodeAt(0)));
  const functions = {
    ...wasi.getImportObject().wasi_snapshot_preview1,
    clock_time_get(_id, _precision, out) {
      new DataView(memory().buffer).setBigUint64(out, now, true);
      return 0;
    },
    poll_oneoff(subscriptions, events, count, written) {
      const view = new DataView(memory().buffer);
      const asked = Array.from({ length: count }, (_, index) => {
        const at = subscriptions + 48 * index;
        if (view.getUint8(at + 8) !== 0) throw new Error('a program polls a descriptor: say what comes of it');
        const timeout = view.getBigUint64(at + 24, true);
        return { userdata: view.getBigUint64(at, true), due: view.getUint16(at + 40, true) & 1 ? timeout : now + timeout };
      });
      const first = asked.map(({ due }) => due).reduce((a, b) => (a < b ? a : b));
      if (first > now) now = first;
      const fired = asked.filter(({ due }) => due <= now);
      fired.forEach(({ userdata }, index) => {
        new Uint8Array(memory().buffer, events + 32 * index, 32).fill(0);
        view.setBigUint64(events + 32 * index, userdata, true);
      });
      view.setUint32(written, fired.length, true);
      return 0;
    },
    random_get(buf, len) {
      const bytes = new Uint8Array(memory().buffer, buf, len);
      let last;
      for (let i = 0; i < len; i++) bytes[i] = (i % 4 === 0 ? (last = word()) : (last >>>= 8)) & 0xff;
      return 0;
    },
  };
  return { wasi_snapshot_preview1: functions };
}

/** Runs one program in this process, under the directory `root`, with the standard streams of this process. */
async function run(program, root) {
  const { WASI } = await import('node:wasi');
  const wasi = new WASI({
    version: 'preview1',
    args: [path.basename(program.module), ...program.args],
    env: { ...ENVIRONMENT, ...program.env },
    preopens: { '/': root },
    returnOnExit: true,
  });
  const module = await WebAssembly.compile(fs.readFileSync(inRepository(program.module)));
  let instance;
  instance = await WebAssembly.instantiate(module, imports(wasi, () => instance.exports.memory));
  return wasi.start(instance);
}

/** Runs one program in a process of its own, on a copy of what it maps; gives its standard output. */
function output(program) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'programs-'));
  for (const map of program.maps ?? []) {
    const [host, guest] = map.split('=');
    fs.cpSync(inRepository(host), path.join(root, guest), { recursive: true });
  }
  const child = spawnSync(process.execPath, [...FLAGS, import.meta.filename, '--run', program.name, root], {
    input: program.stdin === undefined ? '' : fs.readFileSync(inRepository(program.stdin)),
    maxBuffer: 1 << 28,
  });
  fs.rmSync(root, { recursive: true });
  if (child.status !== (program.exit ?? 0)) {
    throw new Error(`${program.name} ended with ${child.status ?? child.signal}, not ${program.exit ?? 0}:\n${child.stderr}`);
  }
  return child.stdout;
}

function settle(program, check) {
  if (!fs.existsSync(inRepository(program.module))) {
    console.error(`SKIPPED ${program.name}: ${program.module} is not there: run tests/programs/fetch.sh`);
    return true;
  }
  const printed = output(program);
  const expected = inRepository(program.expected);
  if (!check) {
    fs.writeFileSync(expected, printed);
    return true;
  }
  const same = printed.equals(fs.readFileSync(expected));
  console.log(`${program.name}: ${same ? 'prints what was recorded' : 'DIFFERS from what was recorded'}`);
  return same;
}

const manifest = JSON.parse(fs.readFileSync(MANIFEST));
const [first, ...rest] = process.argv.slice(2);
if (first === '--run') {
  const program = manifest.programs.find(({ name }) => name === rest[0]);
  process.exitCode = await run(program, rest[1]);
} else {
  const check = first === '--check';
  if (!check && manifest.recorded_with !== RUNTIME) {
    throw new Error(`programs.json says "${manifest.recorded_with}", and this is "${RUNTIME}": record all, and say so`);
  }
  const names = check ? rest : process.argv.slice(2);
  // Those with exceptions are recorded by record_wasmtime.py.
  const here = manifest.programs.filter((program) => !('wasmtime' in program));
  const chosen = here.filter(({ name }) => names.length === 0 || names.includes(name));
  const ok = chosen.map((program) => settle(program, check)).every(Boolean);
  process.exitCode = ok ? 0 : 1;
}
