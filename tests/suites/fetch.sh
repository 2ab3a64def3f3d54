#!/bin/sh
# Brings the suites that suites.json names into target/suites/, compiled for WASI; what it has already, it does not fetch again.
#
# Go's packages and CPython are those of tests/programs/fetch.sh. CPython's tests come from Debian, Rust's crates from crates.io, SQLite's speed test
# from Debian's source package, each in a pinned version with a pinned sum. What cannot be had is left out with a loud line; a wrong sum is an error.
set -eu

cd "$(dirname "$0")/../.."
here=$PWD
programs=$here/target/programs
suites=$here/target/suites
archives=$suites/archives
mkdir -p "$archives" "$suites/rust"

tests/programs/fetch.sh
. tests/programs/registry.sh

go() { # the tests of a package, as they come with the compiler
    [ -x "$programs/go/bin/go" ] || { skipped "the tests of Go" "there is no compiler"; return 0; }
    for package in math math/bits math/cmplx strconv sort regexp encoding/json; do
        into=$suites/go-$(echo "$package" | tr / -).wasm
        [ -e "$into" ] || env -u GOFLAGS GOROOT="$programs/go" GOCACHE="$programs/go-cache" GOPATH="$programs/go-path" GOTOOLCHAIN=local GOPROXY=off \
            GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 "$programs/go/bin/go" test -c -trimpath -ldflags='-s -w' -o "$into" "$package"
    done
}

debian() { # file, sha256, package=version
    archive "$1" "$2" sh -c "cd '$archives' && apt-get download '$3'"
}

unpack_debian() { # package, what of CPython's library
    package=$1
    shift
    dpkg-deb --fsys-tarfile "$package" | tar --no-same-owner -x -C "$suites/python3.11" --strip-components=4 $(printf './usr/lib/python3.11/%s ' "$@")
}

python() { # CPython's tests of 3.11.2, which the CPython 3.11.3 of tests/programs runs
    version=3.11.2-6+deb12u9
    debian "libpython3.11-testsuite_${version}_all.deb" 5dd0f85e950b344a51374e0ef68089e808f73c6c594c80e5232936b5c7ea4a28 \
        "libpython3.11-testsuite=$version" || return 0
    debian "libpython3.11-stdlib_${version}_amd64.deb" 10f13e000ee757f5f2d2d3569f9e30546214a0c850acd78695feae373bfa3e53 \
        "libpython3.11-stdlib:amd64=$version" || return 0
    [ -e "$suites/python3.11/test/test_float.py" ] && return 0
    mkdir -p "$suites/python3.11"
    unpack_debian "$archives/libpython3.11-testsuite_${version}_all.deb" test
    # Its `test.support`, and the decimals in Python that test_decimal compares with: that CPython comes without either.
    unpack_debian "$archives/libpython3.11-stdlib_${version}_amd64.deb" test _pydecimal.py
}

crate() { # name, version, sha256: its own tests, with the versions of its own Cargo.lock
    ls "$suites/rust/$1-"*.wasm >/dev/null 2>&1 && return 0
    fetch=$suites/crates/fetch-$1
    mkdir -p "$fetch/src"
    : >"$fetch/src/lib.rs"
    printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2024"\n[dependencies]\n%s = "=%s"\n[workspace]\n' "$1" "$2" >"$fetch/Cargo.toml"
    archive "$1-$2.crate" "$3" sh -c "cargo fetch --manifest-path '$fetch/Cargo.toml' && \
        cp \"\${CARGO_HOME:-\$HOME/.cargo}\"/registry/cache/*/'$1-$2.crate' '$archives/'" || return 0
    tar --no-same-owner -xzf "$archives/$1-$2.crate" -C "$suites/crates"
    # A workspace of its own, since it lies within ours.
    printf '\n[workspace]\n' >>"$suites/crates/$1-$2/Cargo.toml"
    # The archive of regex has not got what a fuzzer found for it, and names it.
    [ "$1" != regex ] || sed -i '/^mod fuzz;$/d' "$suites/crates/$1-$2/tests/lib.rs"
    (cd "$suites/crates/$1-$2" && CARGO_TARGET_DIR=$suites/cargo CARGO_PROFILE_TEST_OPT_LEVEL=1 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0 \
        cargo test --locked --no-run --quiet --target wasm32-wasip1 --message-format=json) |
        python3 -c 'import json, pathlib, shutil, sys
for line in sys.stdin:
    file = json.loads(line).get("executable")
    if file:
        stem = pathlib.Path(file).stem.rsplit("-", 1)[0]
        shutil.copy(file, pathlib.Path(sys.argv[1], f"{sys.argv[2]}-{stem}.wasm"))' "$suites/rust" "$1"
}

speedtest() { # SQLite's speed test of 3.40.1, on the SQLite 3.44.2 of tests/programs
    [ -e "$suites/speedtest1.wasm" ] && return 0
    zig=target/tools/python/bin/python-zig
    sqlite=$programs/archives/sqlite3-5.1.7.tgz
    [ -x $zig ] && [ -e "$sqlite" ] || { skipped speedtest1 "there is no zig (.ci/install) or no SQLite"; return 0; }
    debian_source sqlite3_3.40.1.orig.tar.xz aaa776260ab4dc976db34aa7891819484c8676b5b2783123ebc6301e2ca5d655 sqlite3=3.40.1-2+deb12u2 || return 0
    tar -xJf "$archives/sqlite3_3.40.1.orig.tar.xz" -C "$suites" --strip-components=2 sqlite3-3.40.1/test/speedtest1.c
    tar -xzf "$sqlite" -C "$suites" --strip-components=2 package/deps/sqlite-autoconf-3440200.tar.gz
    tar --no-same-owner -xzf "$suites/sqlite-autoconf-3440200.tar.gz" -C "$suites"
    $zig cc --target=wasm32-wasi -O1 -w -s "-I$suites/sqlite-autoconf-3440200" -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL \
        -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_GETPID -lwasi-emulated-signal -lwasi-emulated-process-clocks \
        -lwasi-emulated-getpid -o "$suites/speedtest1.wasm" "$suites/speedtest1.c" "$suites/sqlite-autoconf-3440200/sqlite3.c"
}

debian_source() { # file, sha256, source=version: by lists of its own, since few machines have those of sources
    lists=$archives/lists
    mkdir -p "$lists/partial"
    echo 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main' >"$archives/sources.list"
    options="-o Dir::Etc::sourcelist=$archives/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$lists"
    archive "$1" "$2" sh -c "cd '$archives' && apt-get $options update && apt-get $options source --download-only '$3'"
}

go
python
crate libm 0.2.16 b6d2cec3eae94f9f509c767b45932f1ada8350c4bdb85af2fcab4a3c14807981
crate ryu 1.0.20 28d3b2b1366ec20994f1fd18c3c594f05c5dd4bc44d8bb0c1c632c8d6829481f
crate num-bigint 0.4.8 c89e69e7e0f03bea5ef08013795c25018e101932225a656383bd384495ecc367
crate regex 1.13.2 9807af0e638c12e753aa1b4e601791bf2a8f71274023c8bbeec12fc149950857

speedtest
