#!/bin/bash
# What tests use and PyPI does not have: a browser for the UI, the checker of docker-compose.yaml. Only root can install them;
# for anyone else (and where there is no apt) it says what is missing, and the tests that need it say so again.
set -euo pipefail

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v docker-compose >/dev/null || missing+=(docker-compose)
[ "${#missing[@]}" -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "signalbox: ${missing[*]} missing: install as root (for Debian: apt-get install ${missing[*]}) for the tests that need it." >&2
    exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing ${missing[*]} …"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 3 "$log" >&2
    echo "signalbox: apt-get could not install ${missing[*]}: connect to the network, or install them by hand." >&2
    exit 1
fi
