"""Runs other people's test suites on subvm, and makes docs/conformance.md of what they come to.

    conformance.py run [NAME...]         runs the suites of suites.json whose names hold one of these, or all; keeps what they come to below target/suites
    conformance.py elsewhere [NAME...]   the same on Node.js's WASI, into elsewhere.json
    conformance.py page                  writes docs/conformance.md anew; rows of suites that were not run stay as they are

SUBVM=path/to/subvm names the command to ask; target/release/subvm by default. `fetch.sh` brings the suites; one that is not there is named as SKIPPED.
"""

import glob
import json
import os
import pathlib
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from page import write_page  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = "tests/suites"
SUITES = "target/suites"
GO = "target/programs/go/src"
PYTHON = "target/programs/python-3.11.3"
# Beyond what any of them takes.
GAS = 10**15
SUBVM = os.environ.get("SUBVM", "target/release/subvm")
MANIFEST = json.loads((ROOT / HERE / "suites.json").read_text())


def programs(suite):
    """The runs of a suite: module, folders by guest path, variables, arguments."""
    match suite["kind"]:
        case "go":
            # Examples keep what they print in a temporary file, and no file can be written.
            args = ["-test.v", "-test.short", "-test.run=^(Test|Fuzz)"]
            return [(f"{SUITES}/{suite['modules']}", {"/package": f"{GO}/{suite['go']}"}, {"PWD": "/package"}, args)]
        case "python":
            maps = {"/usr": f"{PYTHON}/usr", "/tests": f"{SUITES}/python3.11"}
            # A module that has to prepare its tests says so: it runs as a program, which does.
            args = ["-B", "-m", *([] if suite.get("prepares") else ["unittest", "-v"]), suite["python"]]
            there = os.path.exists(f"{SUITES}/python3.11/test/test_float.py")
            return [(f"{PYTHON}.wasm", maps, {"PYTHONPATH": "/tests"}, args)] if there else []
        case "rust":
            modules = sorted(glob.glob(f"{SUITES}/{suite['modules']}"))
            return [(module, {}, {}, ["--test-threads=1"]) for module in modules]
        case "printed":
            return [(f"{SUITES}/{suite['modules']}", {}, {}, suite["args"])]


def on_subvm(module, maps, env, args):
    command = [SUBVM, "exec", "--stdin", "/dev/null", "--gas-time", str(GAS), "--floats", "soft"]
    for guest, folder in maps.items():
        command += ["--map", f"{folder}={guest}"]
    for name, value in env.items():
        command += ["--env", f"{name}={value}"]
    return [*command, module, "--", *args]


def elsewhere(module, maps, env, args):
    return ["node", "--no-warnings", f"{HERE}/elsewhere.mjs", json.dumps(maps), json.dumps(env), module, *args]


def go(text):
    lines = re.findall(r"^--- (PASS|FAIL|SKIP): (\S+)", text, re.M)
    ran = [name for _, name in lines]
    # What was begun and never ended, ended the program.
    unended = [name for name in re.findall(r"^=== RUN +(\S+)$", text, re.M) if "/" not in name and name not in ran]
    failed = [name for what, name in lines if what == "FAIL"] + unended
    return len(ran) + len(unended), sum(what == "SKIP" for what, _ in lines), failed


def python(text):
    ran = re.search(r"^Ran (\d+) tests?", text, re.M)
    skipped = re.search(r"skipped=(\d+)", text)
    failed = re.findall(r"^(?:FAIL|ERROR): (\S+ \(\S+\))", text, re.M)
    return int(ran[1]) if ran else 0, int(skipped[1]) if skipped else 0, sorted(set(failed))


def rust(text):
    results = re.findall(r"^test (.+?) \.\.\. (.*)$", text, re.M)
    ignored = sum(result.startswith("ignored") for _, result in results)
    failed = [name for name, result in results if not result.startswith(("ok", "ignored"))]
    return len(results), ignored, failed


def printed(suite):
    """What it prints is what is kept; times, which no two runs have in common, are left out."""
    expected = (ROOT / suite["expected"]).read_text()

    def read(text):
        lines = [timeless(line) for line in text.splitlines()]
        wanted = expected.splitlines()
        failed = [f"line {at + 1}" for at, line in enumerate(wanted) if at >= len(lines) or lines[at] != line]
        return len(wanted), 0, failed

    return read


def timeless(line):
    return re.sub(r" *\d+\.\d{3}s", " -s", line)


def reader(suite):
    return printed(suite) if suite["kind"] == "printed" else {"go": go, "python": python, "rust": rust}[suite["kind"]]


def run(suite, how):
    """What a suite comes to: how many tests there were, how many left themselves out, and which failed."""
    runs = programs(suite)
    missing = [module for module, *_ in runs if not os.path.exists(module)]
    if not runs or missing:
        print(f"SKIPPED {suite['name']}: {', '.join(missing) or 'not fetched'} is not there: see {HERE}/fetch.sh", file=sys.stderr)
        return None
    total, skipped, failed = 0, 0, []
    for module, *more in runs:
        since = time.monotonic()
        done = subprocess.run(how(module, *more), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        kept = ROOT / SUITES / "printed" / (re.sub(r"\W+", "-", suite["name"]) + pathlib.Path(module).stem + "." + how.__name__)
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(done.stdout + done.stderr)
        tests, left, bad = reader(suite)(done.stdout if suite["kind"] != "python" else done.stdout + done.stderr)
        # A program that ends badly and names no test that failed is a difference, too.
        if done.returncode != 0 and not bad:
            bad = [f"exit {done.returncode} of {pathlib.Path(module).stem.split('-')[0]}"]
        total, skipped, failed = total + tests, skipped + left, failed + bad
        print(f"{suite['name']}: {tests} tests, {left} left out, failed: {bad}, {time.monotonic() - since:.0f} s", flush=True)
    return {"tests": total, "skipped": skipped, "failed": failed}


def chosen(names):
    return [suite for suite in MANIFEST["suites"] if not names or any(name in suite["name"] for name in names)]


def main(command="help", *names):
    os.chdir(ROOT)
    results = pathlib.Path(SUITES, "results.json") if command != "elsewhere" else pathlib.Path(HERE, "elsewhere.json")
    known = json.loads(results.read_text()) if results.exists() else {}
    if command == "page":
        return write_page(ROOT, MANIFEST, known)
    if command not in ("run", "elsewhere"):
        return __doc__
    for suite in chosen(names):
        came = run(suite, on_subvm if command == "run" else elsewhere)
        # Read anew, since several may run at once.
        known = json.loads(results.read_text()) if results.exists() else {}
        known.pop(suite["name"], None)
        if came:
            known[suite["name"]] = came
        results.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
