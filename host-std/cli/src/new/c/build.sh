#!/bin/sh
# Builds the contract with clang and lld (Debian: apt-get install clang lld), or with zig: CC="zig cc" ./build.sh
set -eu
cd "$(dirname "$0")"
compiler=${CC:-clang}
case "$compiler" in
*zig*) target="--target=wasm32-freestanding" ;;
*) target="--target=wasm32 -Wl,--stack-first" ;;
esac
# A small stack, below all data: each page of memory that a module declares is paid for, and what goes too deep traps.
$compiler $target -O2 -std=c11 -nostdlib -mbulk-memory -Wall -Wextra \
    -Wl,--no-entry -Wl,-z,stack-size=16384 -Wl,--gc-sections -Wl,--strip-debug -o NAME.wasm contract.c
