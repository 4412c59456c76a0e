#!/bin/sh
# Make .venv with Python 3.13 and everything the project needs; each step says what it lacks.
set -eu
cd "$(dirname "$0")/.."

is_313() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1; }

find_python() {
    for candidate in ${PYTHON:-} python3.13 python3 python; do
        if is_313 "$candidate"; then echo "$candidate"; return; fi
    done
}

make_with_uv() {
    echo "No Python 3.13 here: getting one through uv."
    base=$(command -v python3 || command -v python) || {
        echo "Install Python 3.13 (python.org, your package manager, or uv), then run make again." >&2
        exit 1
    }
    rm -rf .venv .venv-uv
    if "$base" -m venv .venv-uv && .venv-uv/bin/pip install -qq uv==0.13.9 \
        && .venv-uv/bin/uv venv -q --seed --python 3.13 .venv; then
        rm -rf .venv-uv
    else
        rm -rf .venv-uv
        echo "uv could not get it either. Install Python 3.13, then run make again." >&2
        exit 1
    fi
}

if ! is_313 .venv/bin/python; then
    python=$(find_python)
    if [ -n "$python" ]; then
        rm -rf .venv
        "$python" -m venv .venv || {
            echo "$python cannot make a virtual environment: install its venv module" \
                "(on Debian: apt-get install python3.13-venv), then run make again." >&2
            exit 1
        }
    else
        make_with_uv
    fi
fi

# Errors only: warnings about a machine's package locations would hide what this script says.
pip="env PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install -qq"
$pip -r requirements-dev.txt -c constraints.txt
$pip --no-build-isolation --no-deps -e .
touch .venv/.installed
