"""Times CompressAI's bmshj2018-hyperprior on pictures: compress() and decompress() to and
from real byte strings, on the CPU. Prints a JSON object. Run by speed_peers.py, with the
Python that has CompressAI:

    python3 -m venv v && v/bin/pip install compressai
    v/bin/python scripts/speed_compressai.py --threads 2 PICTURE...

Weights, in this order: those of --weights; the published ones, if their host can be reached
(CompressAI fetches them); or none. Without any, the time of the networks is the same, for it
does not depend on what their weights are, but that of the entropy coder depends on what it
codes. So the latents are given the statistics of a codec of --bpp bits a pixel:

- every network has CompressAI's own random start;
- every output channel of the last layer of g_a is scaled, and its mean taken off, so that
  over the first picture channel c has the standard deviation t(c) = 20 r^c;
- the last layer of h_s has zero weights and t(c) as its bias, so that every symbol is coded
  with the table of its channel's deviation;
- r is such that the first picture takes --bpp bits a pixel.

What results over all pictures is printed: bits a pixel, and the share of symbols that are not zero.
"""

import argparse
import json
import statistics
import sys
import time
import urllib.error
import warnings

warnings.filterwarnings("ignore")

import compressai  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from compressai.models import ScaleHyperprior  # noqa: E402
from compressai.zoo import bmshj2018_hyperprior  # noqa: E402
from PIL import Image  # noqa: E402
from torchvision.transforms.functional import to_tensor  # noqa: E402

# Both sides have to be multiples of what the hyper-latents are smaller by.
STRIDE = 64


@torch.inference_mode()
def plausible(model, x, bpp):
    """Gives the latents of x the statistics that are described above."""
    into, out = model.g_a[-1], [layer for layer in model.h_s if hasattr(layer, "weight")][-1]
    out.weight.zero_()
    into.bias.zero_()
    y = model.g_a(x)[0].flatten(1)
    weight, mean, deviation = into.weight.clone(), y.mean(dim=1), y.std(dim=1)
    low, high = 0.5, 1.0
    for _ in range(8):
        r = (low + high) / 2
        wanted = 20 * r ** torch.arange(model.M)
        scale = wanted / deviation
        into.weight.copy_(weight * scale[:, None, None, None])
        into.bias.copy_(-mean * scale)
        # h_s ends with a ReLU, which leaves deviations as they are.
        out.bias.copy_(wanted)
        model.update(force=True)
        size = sum(len(s) for strings in model.compress(x)["strings"] for s in strings)
        low, high = (r, high) if 8 * size < bpp * x.shape[2] * x.shape[3] else (low, r)


def load(args, x):
    """The model, and where its weights are from."""
    if args.weights:
        state = torch.load(args.weights, map_location="cpu")
        model = ScaleHyperprior.from_state_dict(state.get("state_dict", state))
        words = f"weights of {args.weights}"
    else:
        try:
            model = bmshj2018_hyperprior(args.quality, "mse", pretrained=True, progress=False)
            words = "published weights"
        except (urllib.error.URLError, OSError) as error:
            print(f"no published weights ({error}): latents made plausible", file=sys.stderr)
            model = bmshj2018_hyperprior(args.quality, "mse", pretrained=False)
            plausible(model, x, args.bpp)
            words = f"random weights, latents scaled to {args.bpp} bpp"
    return model, words


def picture(path):
    """As the models want it: padded to the right and below."""
    x = to_tensor(Image.open(path).convert("RGB"))[None]
    height, width = x.shape[2:]
    pad = [0, -width % STRIDE, 0, -height % STRIDE]
    return F.pad(x, pad, mode="replicate"), width * height


@torch.inference_mode()
def measure(model, x, repeat):
    """Best times of compress and decompress, and the bytes between them."""
    encode, decode = [], []
    for _ in range(repeat):
        began = time.perf_counter()
        made = model.compress(x)
        encode.append(time.perf_counter() - began)
        began = time.perf_counter()
        model.decompress(made["strings"], made["shape"])
        decode.append(time.perf_counter() - began)
    size = sum(len(string) for strings in made["strings"] for string in strings)
    return min(encode), min(decode), size


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="+", metavar="PICTURE")
    parser.add_argument("--quality", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3, help="of which the best counts")
    parser.add_argument("--weights", help="a checkpoint of ScaleHyperprior")
    parser.add_argument(
        "--bpp", type=float, default=0.478, help="without trained weights [published]"
    )
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    first, _ = picture(args.pictures[0])
    model, words = load(args, first)
    model.eval()
    model.update(force=True)
    measure(model, first, 1)
    rows, nonzero = [], []
    for path in args.pictures:
        x, pixels = picture(path)
        encode, decode, size = measure(model, x, args.repeat)
        rows.append((pixels, encode, decode, size))
        with torch.inference_mode():
            nonzero.append((model.g_a(x).round() != 0).float().mean().item())
    pixels = sum(row[0] for row in rows)
    result = {
        "name": f"CompressAI bmshj2018-hyperprior q{args.quality}",
        "version": f"CompressAI {compressai.__version__}, PyTorch {torch.__version__}",
        "weights": words,
        "threads": args.threads,
        "bpp": 8 * sum(row[3] for row in rows) / pixels,
        "nonzero": statistics.mean(nonzero),
        "encode_mps": pixels / sum(row[1] for row in rows) / 1e6,
        "decode_mps": pixels / sum(row[2] for row in rows) / 1e6,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
