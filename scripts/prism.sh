#!/bin/sh
# Makes .prism, where the program lives that holds requests and answers against the platforms' own contracts
# (tests/contracts). Safe to run twice. Versions are pinned, so that a test fails for our reasons alone.
set -eu
cd "$(dirname "$0")/.."

wanted="scripts/prism/package-lock.json"
installed=".prism/installed.json"
if [ -x .prism/node_modules/.bin/prism ] && cmp -s "$wanted" "$installed"; then
    exit 0
fi
if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
    if [ "$(id -u)" -ne 0 ]; then
        echo 'node and npm are needed: install them first (Debian: apt-get install nodejs npm)' >&2
        exit 1
    fi
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
fi
mkdir -p .prism
cp scripts/prism/package.json scripts/prism/package-lock.json .prism/
(cd .prism && npm ci --no-audit --no-fund --silent)
cp "$wanted" "$installed"
