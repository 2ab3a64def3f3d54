#!/bin/sh
# Rebuilds the guests of these directories from their sources, byte for byte.
#
#   rebuild.sh            builds and writes the .wasm beside each source
#   rebuild.sh --check    builds and compares; fails where one byte differs
#
# A guest whose compiler is not here, in the very version that its bytes come from, is left out with a loud line.
# C wants Debian 12's packages clang, lld, wasi-libc and libclang-rt-14-dev-wasm32; Rust the pinned toolchain and its
# target wasm32-wasip1; Go the compiler that ../programs/fetch.sh fetches.
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

lines() { # source, guest: without a library, with DWARF
    if ! clang++ --version 2>/dev/null | grep -q 'Debian clang version 14\.0\.6'; then
        skipped "$2" "it comes from Debian 12's clang 14.0.6"
        return
    fi
    (cd "$(dirname "$1")" && clang++ --target=wasm32 -nostdlib -fno-exceptions -O1 -g -Wall -Wextra -Werror \
        -fdebug-compilation-dir=guest -Wl,--no-entry -o "$out/lines.wasm" "$(basename "$1")")
    settle "$out/lines.wasm" "$2"
}

rust() { # source, guest
    target=wasm32-wasip1
    if [ ! -d "$(rustc --print target-libdir --target $target)" ]; then
        skipped "$2" "the toolchain has no $target; add it with: rustup target add $target"
        return
    fi
    rustc --edition 2024 --target $target -C opt-level=s -C lto=fat -C codegen-units=1 -C panic=abort \
        -C strip=debuginfo -o "$out/rust.wasm" "$1"
    settle "$out/rust.wasm" "$2"
}

go() { # source, guest
    programs=${out%/*}/programs
    if ! "$programs/go/bin/go" version 2>/dev/null | grep -q 'go1\.24\.11 linux/amd64'; then
        skipped "$2" "it comes from Go 1.24.11; fetch it with ../programs/fetch.sh"
        return
    fi
    env -u GOFLAGS GOROOT="$programs/go" GOCACHE="$programs/go-cache" GOPATH="$programs/go-path" GOTOOLCHAIN=local \
        GOPROXY=off GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 \
        "$programs/go/bin/go" build -trimpath -ldflags='-s -w -buildid=' -o "$out/go.wasm" "$1"
    settle "$out/go.wasm" "$2"
}

c report/report.c report/report.wasm
c listing/listing.c listing/listing-c.wasm
rust listing/listing.rs listing/listing-rust.wasm
go listing/listing.go listing/listing-go.wasm
lines lines/lines.cc lines/lines.wasm
lines lines/store.cc lines/store.wasm
rust waiting/waiting.rs waiting/waiting-rust.wasm
rust started/started.rs started/started.wasm

exit $status
