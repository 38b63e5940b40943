#!/bin/sh
# Say what this machine lacks, and what to type. Usage: check_tools.sh PYTHON
python=$1
missing=0

lacks() {
    missing=1
    printf '%s\n' "$@" >&2
}

if ! command -v cargo >/dev/null 2>&1; then
    if [ -x "$HOME/.cargo/bin/cargo" ]; then
        lacks "cargo is installed, but not in PATH. Type:" '    . "$HOME/.cargo/env"'
    else
        lacks "cargo is not found. Install Rust as its home page says, with rustup" \
            "(the systems' own packages are often too old), and open a new shell."
    fi
fi
if ! command -v "${CC:-cc}" >/dev/null 2>&1; then
    lacks "A C compiler (${CC:-cc}) is not found. Type:" \
        "    apt-get install gcc       (Fedora: dnf install gcc)"
fi
if ! command -v "$python" >/dev/null 2>&1; then
    lacks "$python is not found. Type:" \
        "    apt-get install python3 python3-venv     (or name yours: make PYTHON=python3.12 ...)"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    lacks "$python is $("$python" --version 2>&1), and 3.11 or newer is needed here." \
        "Name a newer one:  make PYTHON=python3.12 ..." \
        "(poolkeeper itself works from 3.10 on; the pinned numpy and scikit-learn don't.)"
elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    lacks "$python cannot make virtual environments. Type:" \
        "    apt-get install python3-venv"
fi
exit $missing
