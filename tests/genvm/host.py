#!/usr/bin/env python3
"""A GenLayer node's side of GenVM's sockets, for tests: the host protocol and the frames of modules, from docs/genvm.md alone.

    host.py SCENARIO.json

Shares no code with the executor, and needs nothing beside Python 3.8. Listens, prints one line of JSON that says where, serves one run, and
prints one line of JSON that says what it was asked and what it was told. What the scenario calls a fault it commits.
"""

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

METHODS = {
    0: "storage_read",
    1: "consume_fuel",
    2: "eth_call",
    3: "get_balance",
    4: "remaining_fuel_as_gen",
    5: "notify_nondet_disagreement",
    6: "consume_result",
    7: "resolve_callcontract_executor",
}

# --- Calldata ------------------------------------------------------------------------------------------------------------------------


class Address(bytes):
    """20 bytes that are an address and not bytes."""


def uleb(number):
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def encode(value):
    if value is None:
        return b"\x00"
    if isinstance(value, bool):
        return b"\x10" if value else b"\x08"
    if isinstance(value, int):
        return uleb(value << 3 | 1) if value >= 0 else uleb((-1 - value) << 3 | 2)
    if isinstance(value, Address):
        return b"\x18" + value
    if isinstance(value, (bytes, bytearray)):
        return uleb(len(value) << 3 | 3) + bytes(value)
    if isinstance(value, str):
        raw = value.encode()
        return uleb(len(raw) << 3 | 4) + raw
    if isinstance(value, list):
        return uleb(len(value) << 3 | 5) + b"".join(map(encode, value))
    entries = sorted((key.encode(), item) for key, item in value.items())
    return uleb(len(entries) << 3 | 6) + b"".join(uleb(len(key)) + key + encode(item) for key, item in entries)


def decode(raw):
    value, at = _decode(raw, 0)
    assert at == len(raw), f"{len(raw) - at} bytes follow"
    return value


def _uleb(raw, at):
    number = shift = 0
    while True:
        byte = raw[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return number, at


def _decode(raw, at):
    head, at = _uleb(raw, at)
    kind, payload = head & 7, head >> 3
    if kind == 0:
        if payload == 3:
            return Address(raw[at : at + 20]), at + 20
        return {0: None, 1: False, 2: True}[payload], at
    if kind == 1:
        return payload, at
    if kind == 2:
        return -1 - payload, at
    if kind in (3, 4):
        piece = raw[at : at + payload]
        assert len(piece) == payload
        return (piece if kind == 3 else piece.decode()), at + payload
    if kind == 5:
        items = []
        for _ in range(payload):
            item, at = _decode(raw, at)
            items.append(item)
        return items, at
    assert kind == 6
    entries, last = {}, None
    for _ in range(payload):
        length, at = _uleb(raw, at)
        key, at = raw[at : at + length], at + length
        assert last is None or last < key, "keys ascend"
        last = key
        entries[key.decode()], at = _decode(raw, at)
    return entries, at


def shown(value):
    """A value as JSON: bytes are {"b": hex}, addresses {"a": hex}."""
    if isinstance(value, Address):
        return {"a": value.hex()}
    if isinstance(value, (bytes, bytearray)):
        return {"b": bytes(value).hex()}
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    return value


# --- Sockets -------------------------------------------------------------------------------------------------------------------------


class Done(Exception):
    """A fault was committed, or the peer has gone: nothing more is served here."""


class Connection:
    def __init__(self, sock, scenario):
        self.sock = sock
        self.chunk = scenario.get("chunk", 0)
        self.delay = scenario.get("delay", 0.0)

    def read(self, length):
        out = b""
        while len(out) < length:
            piece = self.sock.recv(length - len(out))
            if not piece:
                raise Done
            out += piece
        return out

    def write(self, raw):
        """As one piece, or split into small ones."""
        try:
            if not self.chunk:
                self.sock.sendall(raw)
                return
            for at in range(0, len(raw), self.chunk):
                self.sock.sendall(raw[at : at + self.chunk])
                time.sleep(self.delay)
        except OSError as error:
            raise Done from error

    def u32(self):
        return int.from_bytes(self.read(4), "little")

    def slice(self):
        return self.read(self.u32())

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


# The executor, where the scenario starts it.
EXECUTOR = []


class Host:
    """One connection of a node: answers requests in turn."""

    def __init__(self, number, scenario, log):
        self.number, self.scenario, self.log = number, scenario, log
        self.line = scenario.get("line", "0.3")
        self.counts = {}

    def serve(self, sock):
        connection = Connection(sock, self.scenario)
        try:
            hello = self.scenario.get("hello", ["", ""])[self.number]
            self.log["hello"].append(connection.read(len(hello) // 2).hex())
            while True:
                first = connection.sock.recv(1)
                if not first:
                    self.log["eof"] += 1
                    return
                name = METHODS.get(first[0], str(first[0]))
                if self.line == "0.2" and first[0] == 7:
                    name = "notify_finished"
                answer = getattr(self, name)(connection)
                self.counts[name] = self.counts.get(name, 0) + 1
                self.fault(connection, name, answer)
                if answer is not None:
                    connection.write(answer)
        except (Done, ConnectionError):
            self.log["gone"] += 1
        finally:
            connection.close()

    def fault(self, connection, name, answer):
        fault = self.scenario.get("fault")
        if not fault or fault["method"] != name or fault.get("number", 1) != self.counts[name]:
            return
        what = fault["what"]
        if what == "close":
            connection.write((answer or b"")[: fault.get("after", 0)])
        elif what == "silent":
            connection.write((answer or b"")[: fault.get("after", 0)])
            time.sleep(fault["seconds"])
        elif what == "bytes":
            connection.write(bytes.fromhex(fault["bytes"]))
            time.sleep(fault.get("seconds", 0))
        elif what == "kill":
            EXECUTOR[0].kill()
            EXECUTOR[0].wait()
        raise Done

    def seen(self, name, **fields):
        self.log["requests"].append([self.number, name, fields])

    def fuel(self, amount):
        return amount.to_bytes(8 if self.line == "0.2" else 32, "little")

    def storage_read(self, c):
        view, address, slot = c.read(1)[0], c.read(20), c.read(32)
        index, length = c.u32(), c.u32()
        self.seen("storage_read", view=view, address=address.hex(), slot=slot.hex(), index=index, length=length)
        held = bytes.fromhex(self.scenario.get("storage", {}).get(f"{address.hex()}/{slot.hex()}", ""))
        return b"\x00" + held[index : index + length].ljust(length, b"\x00")

    def consume_fuel(self, c):
        amount = int.from_bytes(c.read(8 if self.line == "0.2" else 32), "little")
        self.seen("consume_fuel", amount=amount)

    def eth_call(self, c):
        address, data = c.read(20), c.slice()
        self.seen("eth_call", address=address.hex(), calldata=data.hex())
        answer = self.scenario.get("eth", {}).get(address.hex(), {"status": 2})
        if answer["status"]:
            return bytes([answer["status"]])
        raw = bytes.fromhex(answer["data"])
        return b"\x00" + len(raw).to_bytes(4, "little") + raw

    def get_balance(self, c):
        address = c.read(20).hex()
        self.seen("get_balance", address=address)
        return b"\x00" + self.scenario.get("balances", {}).get(address, 0).to_bytes(32, "little")

    def remaining_fuel_as_gen(self, c):
        self.seen("remaining_fuel_as_gen")
        return b"\x00" + self.fuel(self.scenario.get("fuel", 1 << 40))

    def notify_nondet_disagreement(self, c):
        self.seen("notify_nondet_disagreement", call=c.u32())

    def consume_result(self, c):
        raw = c.slice()
        self.seen("consume_result")
        self.log["code"], value = raw[0], decode(raw[1:])
        self.log["result"] = shown(value)
        self.log["hashes"] = hashes(value, self.line, self.scenario.get("runner_ids", []))
        return b"\x00"

    def resolve_callcontract_executor(self, c):
        address, view, major = c.read(20), c.read(1)[0], c.read(1)[0]
        self.seen("resolve_callcontract_executor", address=address.hex(), view=view, major=major)
        wanted = self.scenario.get("resolve")
        raw = encode(None if wanted is None else encode({"kind": "version", "version": wanted}))
        return b"\x00" + len(raw).to_bytes(4, "little") + raw

    def notify_finished(self, c):
        self.seen("notify_finished")
        return b"\x00"


def hashes(value, line, runner_ids):
    """The two hashes of a result, worked out anew; whether they are the ones that it holds."""
    if value["kind"] == "InternalError":
        return value["execution_hash"] == b"" and value["small_hash"] == b""
    sha = lambda raw: hashlib.sha3_256(raw).digest()
    folded = sha(b"".join(sha(name.encode()) for name in runner_ids))
    small = {
        "kind": "VMError" if value["kind"] in ("VmError", "FatalVmError") else value["kind"],
        "result": value["data"],
        "subvm_hashes": folded,
        "wasm_store_hashes": value["wasm_store_hashes"],
    }
    whole = {"subvm_hashes": folded}
    for name in ("backtrace", "data", "data_fees_consumed", "data_fees_remaining", "kind", "storage_changes", "wasm_store_hashes"):
        whole[name] = value[name]
    if line == "0.3":
        whole["emissions"] = value["emissions"]
    return value["small_hash"] == sha(encode(small)) and value["execution_hash"] == sha(encode(whole))


class Module:
    """A module: reads frames, answers each in turn with what the scenario says."""

    def __init__(self, name, scenario, log):
        self.name, self.scenario, self.log = name, scenario[name], log

    def serve(self, sock):
        connection = Connection(sock, self.scenario)
        answers = [bytes.fromhex(answer) for answer in self.scenario["answers"]]
        try:
            while True:
                frame = connection.read(int.from_bytes(connection.read(4), "big"))
                self.log[self.name].append(shown(decode(frame)))
                if len(self.log[self.name]) == 1:
                    continue
                time.sleep(self.scenario.get("wait", 0))
                if not answers:
                    raise Done
                answer = answers.pop(0)
                if self.scenario.get("raw"):
                    connection.write(answer)
                else:
                    connection.write(len(answer).to_bytes(4, "big") + answer)
        except (Done, ConnectionError):
            pass
        finally:
            connection.close()


def listen(kind, directory, name, passed):
    if kind == "fd":
        server, other = socket.socketpair()
        passed.append(other.detach())
        return server, f"fd://{passed[-1]}"
    if kind == "tcp":
        server = socket.create_server(("127.0.0.1", 0))
        return server, f"127.0.0.1:{server.getsockname()[1]}"
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path = os.path.join(directory, name)
    server.bind(path)
    server.listen()
    return server, f"unix://{path}"


def execute(scenario, places, passed, log):
    """Starts the executor with the places in the place of their names, and waits for its end."""
    reader, writer = os.pipe()
    names = {"{%s}" % name: place for name, place in places.items() if name != "hosts"}
    names.update({"{host%d}" % number: place for number, place in enumerate(places["hosts"])})
    names["{log}"] = str(writer)
    command = []
    for word in scenario["command"]:
        for name, place in names.items():
            word = word.replace(name, place)
        command.append(word)
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[writer, *passed]
    )
    EXECUTOR.append(process)
    os.close(writer)
    for number in passed:
        os.close(number)
    out, err = process.communicate(bytes.fromhex(scenario.get("stdin", "")), timeout=scenario.get("patience", 60))
    with os.fdopen(reader) as file:
        log["log"] = file.read()
    log["status"], log["stdout"], log["stderr"] = process.returncode, out.decode(), err.decode()


def main():
    with open(sys.argv[1]) as file:
        scenario = json.load(file)
    log = {"hello": [], "requests": [], "eof": 0, "gone": 0, "web": [], "llm": [], "code": None, "result": None, "hashes": None}
    with tempfile.TemporaryDirectory() as directory:
        threads, places, passed = [], {"hosts": []}, []

        def begin(name, server):
            def run():
                sock = server
                if scenario.get("listen") != "fd":
                    server.settimeout(scenario.get("patience", 60))
                    try:
                        sock, _ = server.accept()
                    except (TimeoutError, socket.timeout):
                        return
                sock.settimeout(scenario.get("patience", 60))
                name.serve(sock)
            threads.append(threading.Thread(target=run, daemon=True))
            threads[-1].start()
        for number in range(scenario.get("hosts", 1)):
            server, place = listen(scenario.get("listen", "unix"), directory, f"host{number}", passed)
            places["hosts"].append(place)
            begin(Host(number, scenario, log), server)
        for name in ("web", "llm"):
            if name in scenario:
                server, places[name] = listen(scenario.get("listen", "unix"), directory, name, passed)
                begin(Module(name, scenario, log), server)
        if "command" in scenario:
            execute(scenario, places, passed, log)
        else:
            print(json.dumps(places), flush=True)
        # A module need not be asked, and after the executor's end nobody comes any more.
        for number, thread in enumerate(threads):
            asked = number < len(places["hosts"]) and "command" not in scenario
            thread.join(scenario.get("patience", 60) if asked else 2)
        print(json.dumps(log), flush=True)


if __name__ == "__main__":
    main()
