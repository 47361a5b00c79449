#!/usr/bin/env bash
# Makes the page of `lic bench --report` from the pictures of the repository and opens
# it in headless Chromium: loads, clicks, drags. Wants node 20, npm and Chromium, which
# is /usr/bin/chromium or $CHROMIUM.
#
#   tests/report/run.sh                  # builds lic, measures a few settings
#   tests/report/run.sh PAGE             # tests a page that is there
#   LIC=PROGRAM tests/report/run.sh      # measures with a program that is built
#   SCREENSHOT=FILE tests/report/run.sh  # and writes a picture of the page
set -euo pipefail
page=$(realpath -m "${1:-}")
here=$(dirname "$(realpath "$0")")
if [ $# -eq 0 ]; then
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
    cd "$here/../.."
    lic=(cargo run --release --quiet -p lic --)
    if [ -n "${LIC:-}" ]; then
        lic=("$LIC")
    fi
    "${lic[@]}" bench tests/pictures -q 5,30,60,90 --report "$out" --quiet >"$out/table.txt"
    page=$out/index.html
fi
cd "$here"
npm ci --silent --no-audit --no-fund
REPORT=$page node --test
