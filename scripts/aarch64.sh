#!/usr/bin/env bash
# Whether another processor decodes the same symbols: builds lic for aarch64, runs it in an
# emulator, and compares its digest of the symbols of a file with that of the program here.
#
#   scripts/aarch64.sh PICTURE...
#
# On x86-64 Debian, with qemu-user-static and gcc-aarch64-linux-gnu (it also needs their
# libc6-dev-arm64-cross); adds Rust's target. The kernels' own tests run there, too. Takes
# a quarter of an hour the first time, and half a minute for each picture: not part of CI.
set -euo pipefail
cd "$(dirname "$0")/.."
target=aarch64-unknown-linux-gnu
rustup target add "$target"
emulator="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=$emulator
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
cargo test --release -p lic-kernels --target "$target"
cargo build --release -p lic --target "$target"
cargo build --release -p lic
folder=${CARGO_TARGET_DIR:-target}
here=$folder/release/lic
there="$emulator $folder/$target/release/lic"
file=$(mktemp --suffix .lic)
trap 'rm -f "$file"' EXIT
failed=0
for picture in "$@"; do
    for model in mse ms-ssim; do
        for quality in 20 60 90; do
            "$here" encode "$picture" "$file" --quality "$quality" --model "$model" --quiet
            one=$("$here" info --symbols "$file")
            other=$($there info --symbols "$file")
            if [ "$one" = "$other" ]; then
                echo "$picture $model $quality: the same"
            else
                echo "$picture $model $quality: $one, but $other there" >&2
                failed=1
            fi
        done
    done
done
exit $failed
