#!/usr/bin/env bash
# Packs runs for a machine with an NVIDIA GPU, which needs nothing but PyTorch 2.11 with CUDA
# (its libraries; no network, no Rust) and a glibc no older than this machine's:
#
#   scripts/accelerator.sh PACK RECIPE...
#
# PACK becomes a folder with the program, the recipes, the weights and runs that they begin with
# and the pictures they name. Take it there (`tar c PACK | ssh …`), and
#
#   bash PACK/train.sh [SECONDS]
#
# trains all recipes at once, one process each, until their ends or for that long; it begins
# within seconds. Each writes its weights, as `lic train RECIPE --export`, to PACK/out/NAME with its
# log, and PACK/lic/runs/NAME holds the checkpoint: copied back to runs/NAME, the same recipe
# goes on here, on any device, and `train.sh` again goes on there.
#
# Seen on an H100 (80 GB, 16 cores), with the same commands by hand: a step of 32 crops of 256x256
# took 0.17 s alone; `mse` and `ms-ssim` side by side took 0.29 s a step of 64 crops each, and 9 GB
# each. Both cards waited for operations to be issued: on an H200, since crops are drawn ahead and
# Adam takes its steps on two vectors, 128 crops each of larger models took 0.34 s. A schedule that
# must end in time wants some steps first that say how long one takes: stop, count, change `steps`
# and `decay`, and go on. This script itself was run without a GPU (DEVICE=libtorch).
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: $0 PACK RECIPE..." >&2
    exit 2
fi
pack=$(realpath -m "$1")
shift
recipes=("$@")
cd "$(dirname "$0")/.."
(
    eval "$(scripts/libtorch.sh cuda)"
    CARGO_TARGET_DIR=target/accelerator cargo build --release -p lic --features tch
)
mkdir -p "$pack/lic"
strip -o "$pack/lic/lic" target/accelerator/release/lic
cp target/libtorch-cuda/precision.so "$pack/lic/"
# Without it pages are given back and taken anew at every step.
cp "$(ldconfig -p | sed -n 's/.*libtcmalloc_minimal.so.4.* => //p' | head -1)" "$pack/lic/" || true
value() { sed -n "s/^$1 *= *\"\(.*\)\"/\1/p" "$2" | head -1; }
: > "$pack/lic/recipes"
for recipe in "${recipes[@]}"; do
    echo "$recipe" >> "$pack/lic/recipes"
    weights=$(value from_weights "$recipe")
    pictures=$(value pictures "$recipe")
    # Paths in a recipe are relative to where lic runs: the same from PACK/lic.
    for path in "$recipe" ${weights:+$weights.json $weights.float.bpk $weights.int.bin} "$pictures"; do
        mkdir -p "$pack/lic/$(dirname "$path")"
        cp -r "$path" "$pack/lic/$(dirname "$path")/"
    done
    for run in "$(value name "$recipe")" "$(basename "$(value from_run "$recipe")")"; do
        if [ -n "$run" ] && [ -d "runs/$run/checkpoint" ]; then
            mkdir -p "$pack/lic/runs"
            cp -r "runs/$run" "$pack/lic/runs/"
        fi
    done
done
cat > "$pack/train.sh" <<'EOF'
#!/usr/bin/env bash
# train.sh [SECONDS]; see scripts/accelerator.sh of lic. DEVICE=libtorch tries it without a GPU.
set -euo pipefail
began=$SECONDS
limit=${1:-0}
cd "$(dirname "$0")/lic"
device=${DEVICE:-libtorch-cuda}
torch=${TORCH:-$(python3 -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])')}
export LD_LIBRARY_PATH=$torch/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PYTORCH_ALLOC_CONF=expandable_segments:True OMP_NUM_THREADS=2
preload=$(ls "$PWD"/*.so* | paste -sd:)
value() { sed -n "s/^$1 *= *\"\(.*\)\"/\1/p" "$2" | head -1; }
mapfile -t recipes < recipes
running=()
for recipe in "${recipes[@]}"; do
    LD_PRELOAD=$preload ./lic train "$recipe" --device "$device" --quiet &
    running+=($!)
done
alive() { kill -0 "${running[@]}" 2> /dev/null; }
if [ "$limit" != 0 ]; then
    while [ $((SECONDS - began)) -lt "$limit" ] && alive; do sleep 1; done
    # A run that finds this file writes its checkpoint and ends.
    # One that failed at once has no folder; its status is told below.
    for recipe in "${recipes[@]}"; do touch "runs/$(value name "$recipe")/stop" || true; done
fi
failed=0
for process in "${running[@]}"; do wait "$process" || failed=$?; done
for recipe in "${recipes[@]}"; do
    name=$(value name "$recipe")
    ./lic train "$recipe" --export "../out/$name" || failed=$?
    cp "runs/$name/log.jsonl" "$recipe" "../out/$name/" || failed=$?
done
exit "$failed"
EOF
du -sh "$pack"
