#!/usr/bin/env bash
# Measures everything that is said of speed, on a quiet machine, in some five minutes:
#
#   scripts/speed.sh PICTURES KODAK [PYTHON]
#
# PICTURES is a folder of large pictures, KODAK one of the Kodak set. Writes docs/profile.md
# (where the time goes) and docs/speed.md (speed by size and threads, and beside other codecs),
# and with a PYTHON that has CompressAI, that too: see speed_peers.py. What 8-bit products
# would cost and gain is printed, and written nowhere.
set -euo pipefail
cd "$(dirname "$0")/.."
pictures=$1 kodak=$2 python=${3-}
cargo build --release -p lic
lic=${CARGO_TARGET_DIR:-target}/release/lic
"$lic" bench "$pictures" --profile --threads 2 >docs/profile.md
block() { printf '```text\n%s\n```\n' "$1"; }
speed=$("$lic" bench "$pictures" --speed --threads 2)
beside=$(scripts/speed_peers.py "$kodak" --lic "$lic" --repeat 2 ${python:+--compressai "$python"})
{
    echo '# Speed'
    echo
    echo 'Written by `scripts/speed.sh`, not by hand.'
    echo
    block "$speed"
    echo
    echo 'Beside other codecs, on Kodak; times of whole programs hold their start and their files:'
    echo
    block "$beside"
} >docs/speed.md
cargo run --release -p lic-models --example precision -- "$kodak"/*0.png
cargo bench -p lic-models --bench networks -- 'cpu/g_' --quick
