#!/bin/sh
# Makes .venv, where the platforms' own clients live for the tests that call a sandbox through them.
# Safe to run twice. Versions are pinned so that a test fails for our reasons and not for theirs.
set -eu
cd "$(dirname "$0")/.."

wanted="scripts/python-requirements.txt"
installed=".venv/installed-requirements.txt"
if [ -x .venv/bin/python ] && cmp -s "$wanted" "$installed"; then
    exit 0
fi
python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$wanted"
cp "$wanted" "$installed"
