"""library.py LIB MORE OUT.zip: the library of contracts, compiled, in one ZIP without compression.

LIB is CPython's own, MORE a directory with more modules. The same sources make the same bytes: entries are sorted and have one date, code is
not checked against times, and paths are as the guest sees them. Stored rather than deflated: the interpreter has no zlib, and to inflate would
cost gas.
"""
import importlib._bootstrap_external as external
import importlib.util
import pathlib
import sys
import zipfile

# Needs threads, processes, sockets, terminals or a compiler, or is of no use without a person.
LEFT_OUT = set("""
__hello__ __phello__ _android_support _apple_support _ios_support _osx_support _pydatetime _pydecimal _pyio _pyrepl antigravity asyncio bdb cProfile
compileall concurrent ctypes curses dbm doctest ensurepip ftplib getpass idlelib imaplib lib2to3 mailbox multiprocessing ntpath nturl2path pdb poplib
profile pstats pty py_compile pyclbr pydoc pydoc_data readline rlcompleter select selectors smtplib socket socketserver sqlite3 ssl subprocess
tabnanny test this tkinter tracemalloc tty turtle turtledemo unittest venv webbrowser wsgiref xml xmlrpc zipapp
""".split())
ENCODINGS = set("""
__init__ aliases ascii base64_codec cp1252 cp437 hex_codec idna latin_1 punycode raw_unicode_escape unicode_escape utf_16 utf_16_be utf_16_le utf_32
utf_32_be utf_32_le utf_8 utf_8_sig
""".split())


def wanted(parts):
    if parts[0] in LEFT_OUT or {"__pycache__", "site-packages", "lib-dynload", "test", "tests"} & set(parts):
        return False
    return parts[0] != "encodings" or parts[-1] in ENCODINGS


def main(lib, more, out):
    if sys.version_info[:2] != (3, 13):
        sys.exit(f"library.py: CPython 3.13 has to compile it, and this is {sys.version}")
    files = []
    for root in map(pathlib.Path, (lib, more)):
        for path in root.rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            if wanted(parts):
                files.append(("/".join(parts), path))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, path in sorted(files):
            source = path.read_bytes()
            code = compile(source, f"/lib/python.zip/{name}.py", "exec", dont_inherit=True, optimize=2)
            code = external._code_to_hash_pyc(code, importlib.util.source_hash(source), False)
            archive.writestr(zipfile.ZipInfo(name + ".pyc", (1980, 1, 1, 0, 0, 0)), bytes(code))


main(*sys.argv[1:])
