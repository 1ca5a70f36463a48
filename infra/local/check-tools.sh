#!/bin/sh
# Says in one sentence each what this machine lacks, and how to get it. `check-tools.sh python` prints the command of a
# Python that is new enough.
set -u

find_python() {
    for candidate in ${PYTHON:-} python3 python python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

missing=0
lacks() {
    echo "$1" >&2
    missing=1
}

python=$(find_python) || {
    if command -v python3 >/dev/null 2>&1; then
        lacks "$(python3 --version 2>&1) is too old: install Python 3.11 or newer (https://www.python.org/downloads), or name one with PYTHON=…"
    else
        lacks "Python is missing: install Python 3.11 or newer (https://www.python.org/downloads, or your system's package python3)."
    fi
}

if [ "${1:-}" = python ]; then
    [ "$missing" -eq 0 ] && echo "$python"
    exit "$missing"
fi

if [ -n "$python" ] && ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    lacks "$python cannot make environments: install its venv module (on Debian and Ubuntu: apt install python3-venv)."
fi
command -v cargo >/dev/null 2>&1 ||
    lacks "Rust's cargo is missing: install Rust with rustup (https://rustup.rs)."
command -v cc >/dev/null 2>&1 ||
    lacks "A C compiler and linker (cc) is missing: Rust needs it (on Debian and Ubuntu: apt install build-essential; on macOS: xcode-select --install)."
if ! command -v node >/dev/null 2>&1; then
    lacks "Node is missing: install Node 20 or newer (https://nodejs.org/en/download)."
elif ! node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)'; then
    lacks "Node $(node --version) is too old: install Node 20 or newer (https://nodejs.org/en/download)."
fi
command -v npm >/dev/null 2>&1 ||
    lacks "npm is missing: it comes with Node 20 or newer (https://nodejs.org/en/download)."
exit "$missing"
