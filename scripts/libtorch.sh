#!/usr/bin/env bash
# Fetches libtorch for the cargo feature `tch` from PyPI and prints what to export:
#
#   eval "$(scripts/libtorch.sh)"
#   cargo run --release -p lic --features tch -- train models/recipes/mse.toml --device libtorch
#
# The wheel is the CUDA build, but on a machine without a GPU only two small CUDA wheels
# are needed beside it: libtorch_cpu.so links against them. A stub stands in for
# libtorch.so, whose only work is to pull in libtorch_cuda.so.
#
# On two cores a step of 4 crops of 256x256 was seen to take 0.54 s with Debian's tcmalloc
# (LD_PRELOAD=libtcmalloc_minimal.so.4; without it pages are given back and taken anew), and
# 0.48 s with ONEDNN_DEFAULT_FPMATH_MODE=BF16 as well, with the same losses in five digits.
# That reaches convolutions; products of matrices, which most of the networks are, stay with
# MKL in single precision unless libtorch is told otherwise, for which there is no variable.
# LIBTORCH_PRECISION names a library that tells it when it is loaded: on one core of an Intel with
# AMX a step took 1.00 s without and 0.74 s with
#
#   ONEDNN_DEFAULT_FPMATH_MODE=BF16 LD_PRELOAD=libtcmalloc_minimal.so.4:$LIBTORCH_PRECISION lic train …
#
# The evaluations of such a run are rounded so too: at q 90, 0.06 dB of PSNR for `mse`, 0.14 dB
# of MS-SSIM for `ms-ssim`, and a tenth of that at q 10.
#
#   eval "$(scripts/libtorch.sh cuda)"
#
# is for a program that runs elsewhere, beside a PyTorch with CUDA of the version named below:
# stubs of its CUDA libraries are enough to link with, and the program still trains on this
# machine's CPU (`--device libtorch`). scripts/accelerator.sh packs such a program.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-cpu} in
cpu)
    home=$PWD/target/libtorch
    wheels=(torch==2.9.0 nvidia-cuda-cupti-cu12==12.8.90 nvidia-cuda-runtime-cu12==12.8.90)
    # bfloat16 where the processor has it
    precision=medium
    ;;
cuda)
    home=$PWD/target/libtorch-cuda
    wheels=(torch==2.11.0 nvidia-cuda-cupti==13.0.85 nvidia-cuda-runtime==13.0.96)
    # TF32, which holds the 8 bits of the integer networks' operands
    precision=high
    ;;
*)
    echo "usage: $0 [cpu|cuda]" >&2
    exit 2
    ;;
esac
venv=$home/venv
if [ ! -e "$home/lib/libtorch.so" ]; then
    mkdir -p "$home/lib"
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --no-deps "${wheels[@]}" >&2
    packages=$(echo "$venv"/lib/python3.*/site-packages)
    ln -sfn "$packages/torch/include" "$home/include"
    ln -sf "$packages"/torch/lib/{libtorch_cpu.so,libc10.so,libgomp.so.1} "$home/lib/"
    if [ "${1:-cpu}" = cuda ]; then
        # burn-tch and torch-sys look for this file, and burn-tch calls these two.
        c++ -shared -fPIC -x c++ - -o "$home/lib/libtorch_cuda.so" -Wl,-soname,libtorch_cuda.so <<'EOF'
struct cublasContext;
namespace at::cuda {
cublasContext *getCurrentCUDABlasHandle() { return nullptr; }
int warp_size() { return 32; }
}
EOF
    fi
    echo | cc -shared -x c - -o "$home/lib/libtorch.so" -Wl,-soname,libtorch.so
fi
if [ ! -e "$home/precision.so" ]; then
    c++ -std=c++17 -O1 -shared -fPIC -I"$home/include" -x c++ - -o "$home/precision.so" \
        -L"$home/lib" -ltorch_cpu -lc10 >&2 <<EOF
#include <ATen/Context.h>
__attribute__((constructor)) static void allow_fewer_bits() {
    at::globalContext().setFloat32MatmulPrecision("$precision");
    at::globalContext().setBenchmarkCuDNN(true);
}
EOF
fi
packages=$(echo "$venv"/lib/python3.*/site-packages)
cuda=$packages/nvidia/cuda_cupti/lib:$packages/nvidia/cuda_runtime/lib:$packages/nvidia/cu13/lib
echo "export LIBTORCH='$home'"
echo "export LIBTORCH_PRECISION='$home/precision.so'"
# torch-sys asks for 2.9; with 2.11 it compiles, links and trains the same.
echo "export LIBTORCH_BYPASS_VERSION_CHECK=1"
echo "export LD_LIBRARY_PATH='$home/lib:$cuda'\"\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}\""
