# Sourced by the scripts beside it: makes .venv next to pyproject.toml, with the extras named in $1,
# when it is missing or older than pyproject.toml. Leaves $python set to the environment's interpreter.
#
# Works where the system's pip refuses to install (PEP 668), since it never installs outside .venv, and on
# Debian without python3-venv, where the environment is made without pip and filled by the system's pip or uv.

root=$(cd -- "$(dirname -- "$0")/.." && pwd)
venv=${DRIO_VENV:-$root/.venv}
python=$venv/bin/python

find_python() {
    for candidate in ${DRIO_PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    echo "Python 3.11 or newer is needed and was not found." >&2
    echo "  Debian, Ubuntu: sudo apt install python3 python3-venv     macOS: brew install python" >&2
    exit 1
}

make_venv() {
    system=$(find_python) || exit 1
    echo "Making $venv with $("$system" --version)…" >&2
    rm -rf "$venv"
    if "$system" -m venv "$venv" >/dev/null 2>&1; then
        return
    fi
    rm -rf "$venv"
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --seed --python "$system" "$venv"
    elif "$system" -m pip --version >/dev/null 2>&1 && "$system" -m venv --without-pip "$venv"; then
        "$system" -m pip --quiet --python "$python" install pip
    else
        rm -rf "$venv"
        echo "Python's venv module is incomplete here; install it and try again:" >&2
        echo "  Debian, Ubuntu: sudo apt install python3-venv" >&2
        exit 1
    fi
}

bootstrap() {
    extras=$1
    done_mark=$venv/.installed-$extras
    if [ -x "$python" ] && [ -f "$done_mark" ] && cmp -s "$done_mark" "$root/pyproject.toml"; then
        return
    fi
    [ -x "$python" ] && "$python" -m pip --version >/dev/null 2>&1 || make_venv
    echo "Installing drio-tui[$extras] and what it needs; this takes a minute or two…" >&2
    "$python" -m pip install --quiet --disable-pip-version-check --editable "$root[$extras]" >&2
    cp "$root/pyproject.toml" "$done_mark"
}
