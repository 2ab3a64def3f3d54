"""Token transfers on subvm, and on revm as the wheel pyrevm has it, in one process and on one thread.

Everything is warm: code is compiled, storage is a map in memory, and what a transfer wrote is there for the next one. Rounds take turns, and
processor time is counted, that of all threads and of the kernel, so that a busy machine disturbs little and all alike. A transfer that did not
happen fails the measurement: balances are looked at in the end.

`run` fetches what it needs: transfers.py LIBRARY ERC20.json ROUNDS
"""

import ctypes
import json
import os
import sys
import time

import pyrevm

TRANSFERS = 500
ACCOUNTS = 64


class Subvm:
    """The library of this folder: a round is one call into it."""

    def __init__(self, library, deadline):
        self.library = ctypes.CDLL(os.path.abspath(library))
        self.library.subvm_chain.restype = ctypes.c_void_p
        self.library.subvm_balance.restype = ctypes.c_uint64
        self.chain = ctypes.c_void_p(self.library.subvm_chain(ctypes.c_bool(deadline)))

    def round(self):
        self.library.subvm_transfers(self.chain, ctypes.c_uint32(TRANSFERS), ctypes.c_uint8(ACCOUNTS))

    def total(self):
        return sum(self.library.subvm_balance(self.chain, ctypes.c_uint8(of)) for of in range(ACCOUNTS))


class Revm:
    """OpenZeppelin's ERC-20 on revm: a transfer is one call from Python."""

    HOLDER = bytes([200]) * 20

    def __init__(self, contract):
        def text(text):
            return word(len(text)) + text.ljust(32, b"\0")

        # Name and symbol lie behind the four words: where they are, the supply, the holder.
        arguments = word(0x80) + word(0xC0) + word(1_000_000_000) + address(self.HOLDER) + text(b"token") + text(b"TOKEN")
        self.evm = pyrevm.EVM()
        self.holder = "0x" + self.HOLDER.hex()
        self.token = self.evm.deploy(self.holder, contract + arguments)
        self.accounts = [address(bytes([number + 1]) * 20) for number in range(ACCOUNTS)]
        transfer = bytes.fromhex("a9059cbb")  # transfer(address,uint256)
        self.calls = [transfer + account + word(1) for account in self.accounts]

    def round(self):
        for number in range(TRANSFERS):
            self.evm.message_call(self.holder, self.token, calldata=self.calls[number % ACCOUNTS])

    def total(self):
        balance = bytes.fromhex("70a08231")  # balanceOf(address)
        answers = [self.evm.message_call(self.holder, self.token, calldata=balance + account) for account in self.accounts]
        return sum(int.from_bytes(answer, "big") for answer in answers)


class Nothing(Revm):
    """The same transactions to an address without code: what Python, the wheel and a transaction of nothing take."""

    def __init__(self, contract):
        super().__init__(contract)
        self.token = "0x" + "ee" * 20

    def total(self):
        return None


def word(number):
    return number.to_bytes(32, "big")


def address(account):
    return bytes(12) + account


def measure(chains, rounds):
    """Microseconds of the processor for a transfer, of each chain in each round; one round before them warms up."""
    took = {name: [] for name in chains}
    for number in range(rounds + 1):
        for name, chain in chains.items():
            start = time.process_time_ns()
            chain.round()
            micros = (time.process_time_ns() - start) / 1e3 / TRANSFERS
            if number > 0:
                took[name].append(micros)
    for name, chain in chains.items():
        moved, asked = chain.total(), TRANSFERS * (rounds + 1)
        if moved not in (None, asked):
            sys.exit(f"{name}: {asked} units were to be moved, and {moved} were")
    return took


def main():
    library, contract, rounds = sys.argv[1], sys.argv[2], max(1, int(sys.argv[3]))
    with open(contract, encoding="utf-8") as file:
        contract = bytes.fromhex(json.load(file)["bytecode"][2:])
    chains = {
        "subvm, with a deadline": Subvm(library, True),
        "subvm, without": Subvm(library, False),
        "pyrevm, ERC-20": Revm(contract),
        "pyrevm, no code": Nothing(contract),
    }
    took = measure(chains, rounds)
    first = next(iter(took.values()))
    print(f"{rounds} rounds of {TRANSFERS} transfers, load {os.getloadavg()[0]:.2f}")
    print("microseconds of the processor, least and median; of the first line: least by least, median of the rounds' ratios (quartiles)")
    for name, micros in took.items():
        ratios = sorted(this / other for this, other in zip(micros, first))
        low, middle, high = (ratios[len(ratios) * part // 4] for part in (1, 2, 3))
        least, median = min(micros), sorted(micros)[len(micros) // 2]
        print(f"{name:24} {least:7.2f} {median:7.2f}   {least / min(first):5.2f}   {middle:5.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
