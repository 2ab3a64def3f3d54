"""Non-deterministic blocks: a leader's answer, checked by every validator.

    @nondet.block
    def price(url):
        return int(nondet.get(url).decode())

    self.price = nondet.run(price, url)                          # all must see the same
    self.price = nondet.run(price, url, near=10_000)             # a percent more or less will do: millionths
    self.price = nondet.run(price, url, same="the same price")   # a model says whether
    self.price = nondet.run(price, url, check=fair)              # another block is asked, with the leader's answer first

A block is a function of the module, has no storage, and knows nothing but its arguments.
"""
from ._host import Error, Failed, module, sub_vm
from .calldata import decode, encode

_blocks = {}


def block(function):
    """Makes a block of a function."""
    _blocks[function.__name__] = function
    return function


def _data(function, arguments):
    if _blocks.get(function.__name__) is not function:
        raise TypeError(f"{function.__name__} is no block: put @nondet.block above it")
    return encode({"arguments": list(arguments), "block": function.__name__})


def run(function, *arguments, near=None, same=None, check=None):
    """The answer that leader and validators agreed on."""
    data = _data(function, arguments)
    if check is not None:
        return sub_vm("RunNondet", {"data_leader": data, "data_validator": _data(check, arguments)})
    if near is not None:
        strategy = {"Numeric": {"abs": 0, "rel_ppm": near}}
    else:
        strategy = "StrictEq" if same is None else {"Comparative": {"principle": same}}
    return sub_vm("RunNondetWith", {"data": data, "strategy": strategy})


def perform(message):
    """Runs the block that a sub-VM was started for."""
    data = decode(message["entry_data"])
    function, arguments = _blocks[data["block"]], data["arguments"]
    stage = message["entry_stage_data"]
    if stage is None:
        return function(*arguments)
    result = stage["leaders_result"]
    # A validator that was given a check: a leader that failed is not agreed with.
    return result[0] == 0 and bool(function(decode(result[1:]), *arguments))


def get(url, method="GET", headers=None, body=None):
    """What a site answers: octets. Raises `Error` where it does not, or not with a status of 200 to 299."""
    answer = module("WebRequest", {"method": method, "url": url, "headers": headers or {}, "body": body})
    if not 200 <= answer["status"] < 300:
        raise Error(f"{url}: status {answer['status']}")
    return answer["body"]


def render(url, mode="text", wait=""):
    """What a page shows: its text, its HTML, or a picture."""
    return module("WebRender", {"mode": mode, "url": url, "wait_after_loaded": wait})


def ask(prompt, response_format="text", images=()):
    """What a language model answers."""
    return module("ExecPrompt", {"prompt": prompt, "response_format": response_format, "images": list(images)})


__all__ = ["Error", "Failed", "ask", "block", "get", "perform", "render", "run"]
