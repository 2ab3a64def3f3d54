"""Records what programs with exceptions print on Wasmtime, which has them, as node:wasi of Node.js 20 has not.

    pip install wasmtime==50.0.1
    record_wasmtime.py [NAME...]    runs the programs of programs.json that say "wasmtime", and writes the expected output

The clock stands at 2024-01-01T00:00:00Z, as it does in record.mjs where nobody waits.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import wasmtime

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_704_067_200_000_000_000  # nanoseconds since the epoch
ENVIRONMENT = [("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC")]


def clock_time_get(caller, _id, _precision, out):
    """The same instant, whenever it is asked."""
    caller["memory"].write(caller, NOW.to_bytes(8, "little"), out)
    return 0


def run(program):
    """What a program prints, which must end as programs.json says."""
    engine = wasmtime.Engine()
    linker, store = wasmtime.Linker(engine), wasmtime.Store(engine)
    linker.define_wasi()
    linker.allow_shadowing = True
    i32, i64 = wasmtime.ValType.i32(), wasmtime.ValType.i64()
    clock = wasmtime.FuncType([i32, i64, i32], [i32])
    linker.define_func("wasi_snapshot_preview1", "clock_time_get", clock, clock_time_get, access_caller=True)
    settings = wasmtime.WasiConfig()
    settings.argv = [os.path.basename(program["module"]), *program["args"]]
    settings.env = ENVIRONMENT
    root = tempfile.TemporaryDirectory()
    for mapped in program["maps"]:
        host, guest = mapped.split("=")
        target = Path(root.name + guest)
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / host).is_dir() else shutil.copy
        copy(ROOT / host, target)
    settings.preopen_dir(root.name, "/")
    with tempfile.NamedTemporaryFile() as printed:
        setattr(settings, f"{program.get('prints', 'stdout')}_file", printed.name)
        store.set_wasi(settings)
        for link in program.get("links", []):
            name, file = link.split("=")
            library = wasmtime.Module.from_file(engine, ROOT / file)
            linker.define_instance(store, name, wasmtime.Instance(store, library, []))
        instance = linker.instantiate(store, wasmtime.Module.from_file(engine, ROOT / program["module"]))
        ended = 0
        try:
            instance.exports(store)["_start"](store)
        except wasmtime.ExitTrap as exit:
            ended = exit.code
        if ended != program["exit"]:
            raise SystemExit(f"{program['name']} ended with {ended}")
        return Path(printed.name).read_bytes()


for program in json.loads((ROOT / "tests/programs/programs.json").read_text())["programs"]:
    if "wasmtime" in program and (len(sys.argv) == 1 or program["name"] in sys.argv[1:]):
        (ROOT / program["expected"]).write_bytes(run(program))
