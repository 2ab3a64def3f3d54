# Fetches from package registries alone, through their own clients, in pinned versions with pinned sums. To be sourced: `$archives` is where archives are
# kept. What cannot be had (no registry, no client) is named in a loud line, and the function fails; a wrong sum is an error and ends all.

skipped() { # what, why
    echo "SKIPPED $1: $2" >&2
}

# Whether a file is there with this sum; a file with another one ends all.
have() { # file, sha256
    [ -e "$1" ] || return 1
    echo "$2  $1" | sha256sum --check --status && return 0
    echo "error: $1 has not the sum $2: remove it, or find out who changed it" >&2
    exit 1
}

# Fetches an archive unless it is here.
archive() { # file, sha256, command that puts it into $archives
    have "$archives/$1" "$2" && return 0
    file=$1 sum=$2
    shift 2
    "$@" >/dev/null 2>"$archives/log" || { skipped "$file" "not fetched: $(grep -im 1 error "$archives/log")"; return 1; }
    have "$archives/$file" "$sum"
}

npm_package() { # package, file, sha256
    archive "$2" "$3" npm pack --loglevel error --pack-destination "$archives" "$1"
}

python_wheel() { # package, platform, file, sha256
    archive "$3" "$4" python3 -m pip download --quiet --no-deps --only-binary :all: --platform "$2" --dest "$archives" "$1"
}
