"""Calldata, the one wire format: values of Python and their canonical bytes, or their text.

>>> decode(encode({"to": "eve", "amount": 7}))
{'amount': 7, 'to': 'eve'}
>>> to_text([1, b"ab", None])
'[1,b#6162,null]'
"""

from ._native import decode, encode, parse, to_text

__all__ = ["decode", "encode", "parse", "to_text"]
