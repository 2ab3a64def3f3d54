#!/bin/sh
# Rebuilds the guests of these directories from their sources, octet for octet.
#
#   rebuild.sh            builds and writes the .wasm beside each source
#   rebuild.sh --check    builds and compares; fails where one octet differs
#
# A guest whose compiler is not here, in the very version that its octets come from, is left out with a loud line.
# C wants Debian 12's packages clang, lld, wasi-libc and libclang-rt-14-dev-wasm32; Rust the pinned toolchain and its
# target wasm32-wasip1.
set -eu

cd "$(dirname "$0")"
out=$(cd ../.. && pwd)/target/guests
mkdir -p "$out"
check=${1-}
[ -z "$check" ] || [ "$check" = --check ] || { echo "usage: rebuild.sh [--check]" >&2; exit 2; }
status=0

skipped() { # guest, why
    echo "SKIPPED $1: $2" >&2
}

settle() { # built, guest: compares or writes
    if [ -z "$check" ]; then
        cp "$1" "$2" && chmod 644 "$2"
    elif cmp "$1" "$2"; then
        echo "$2 is what its source gives"
    else
        status=1
    fi
}

c() { # source, guest
    if ! clang --version 2>/dev/null | grep -q 'Debian clang version 14\.0\.6' ||
        [ ! -e /usr/lib/wasm32-wasi/libc.a ]; then
        skipped "$2" "it comes from Debian 12's clang 14.0.6 and wasi-libc"
        return
    fi
    clang --target=wasm32-wasi -O2 -Wall -Wextra -Werror -Wl,--strip-debug -o "$out/c.wasm" "$1"
    settle "$out/c.wasm" "$2"
}

c report/report.c report/report.wasm

exit $status
