#!/usr/bin/env python3
"""Speed of lic beside other codecs, on the same pictures in the same run.

    cargo build --release -p lic
    scripts/speed_peers.py ../shared/data/kodak
    scripts/speed_peers.py ../shared/data/kodak --compressai v/bin/python

Runs what is on PATH of cjxl/djxl, avifenc/avifdec, cwebp/dwebp and cjpeg/djpeg (Debian:
libjxl-tools libavif-bin webp libjpeg-turbo-progs), with the settings of `lic bench`. Times
are wall time of whole programs, with their start and their files, best of --repeat: PPM in
and out, but PNG for AVIF, whose programs read no PPM (written without compression). Settings
are such that files have about the size of lic's.

With --compressai, the Python of an environment that has CompressAI, its hyperprior is timed
by speed_compressai.py: compress() and decompress() in memory, after a warm-up, to and from
real byte strings. Beside it stands what `lic bench` measures in memory.

Needs Python 3.9 and nothing else. Not part of CI: it is for a quiet machine.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".ppm"}


def peers(threads):
    """Name, encoder, decoder; IN, FILE and OUT stand for paths."""
    n = str(threads)
    return [
        (
            "JPEG",
            "cjpeg -quality 70 -optimize -progressive -outfile FILE IN.ppm",
            "djpeg -outfile OUT.ppm FILE",
        ),
        ("WebP", "cwebp -quiet -m 6 -q 60 IN.ppm -o FILE", "dwebp -quiet -ppm FILE -o OUT.ppm"),
        (
            "AVIF",
            f"avifenc -s 6 -y 444 -j {n} --min 0 --max 63 -a end-usage=q -a cq-level=34 IN.png FILE.avif",
            f"avifdec -j {n} --png-compress 0 FILE.avif OUT.png",
        ),
        (
            "JPEG XL",
            f"cjxl -e 7 -d 3 --quiet --num_threads={n} IN.ppm FILE.jxl",
            f"djxl --quiet --num_threads={n} FILE.jxl OUT.ppm",
        ),
    ]


def best(command, repeat):
    """Wall time in seconds of the fastest run."""
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
        times.append(time.perf_counter() - began)
        if done.returncode != 0:
            words = done.stderr.decode(errors="replace").strip()
            sys.exit(f"{' '.join(command)}: {words.splitlines()[-1:]}")
    return min(times)


def size(ppm):
    """Width and height in the head of a PPM or PGM file."""
    with open(ppm, "rb") as file:
        found = re.match(rb"P[56]\s+(\d+)\s+(\d+)\s", file.read(64))
    return int(found[1]), int(found[2])


class Pictures:
    """The pictures as PPM and PNG in a folder of their own."""

    def __init__(self, lic, folder, limit, place):
        found = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in ENDINGS)
        self.sources = found[:limit]
        if not self.sources:
            sys.exit(f"no pictures in {folder}")
        self.stems, self.pixels = [], 0
        for i, source in enumerate(self.sources):
            stem = place / f"in{i}"
            # Model 0 is lossless at quality 100: this turns any format into others.
            file = f"{stem}.null"
            run = lambda *command: subprocess.run([lic, "--quiet", *command], check=True)
            run("encode", str(source), file, "--model", "null", "-q", "100")
            for ending in ("ppm", "png"):
                run("decode", file, f"{stem}.{ending}")
            os.remove(file)
            width, height = size(f"{stem}.ppm")
            self.stems.append(stem)
            self.pixels += width * height

    def time(self, encoder, decoder, repeat, place):
        """Megapixels a second of both, and bits a pixel."""
        encode = decode = size = 0
        for stem in self.stems:
            file = place / "file"
            names = {"IN": stem, "FILE": file, "OUT": place / "out"}

            def named(line):
                return [
                    re.sub(r"^(IN|FILE|OUT)", lambda m: str(names[m[1]]), w) for w in line.split()
                ]

            encode += best(named(encoder), repeat)
            decode += best(named(decoder), repeat)
            made = max(place.glob("file*"), key=lambda path: path.stat().st_mtime)
            size += made.stat().st_size
            for path in [*place.glob("file*"), *place.glob("out*")]:
                path.unlink()
        mp = self.pixels / 1e6
        return {
            "encode_mps": mp / encode,
            "decode_mps": mp / decode,
            "bpp": 8 * size / self.pixels,
        }


def in_memory(args):
    """What lic bench measures: the same pictures, without files and start."""
    command = [
        args.lic,
        "--quiet",
        "bench",
        args.pictures,
        "-q",
        str(args.quality),
        "--peers",
        "none",
    ]
    command += ["--threads", str(args.threads), "--json", "-"]
    command += ["--limit", str(args.limit)] if args.limit else []
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        for _ in range(args.repeat)
    ]
    points = [run["curves"][0]["points"][0] for run in runs]
    return {
        "name": "lic, in memory",
        "encode_mps": max(point["encode_mps"] for point in points),
        "decode_mps": max(point["decode_mps"] for point in points),
        "bpp": points[0]["bpp"],
    }


def compressai(args, pictures):
    command = [args.compressai, str(HERE / "speed_compressai.py"), "--threads", str(args.threads)]
    command += ["--repeat", str(args.repeat)]
    command += ["--weights", args.weights] if args.weights else []
    made = subprocess.run(
        [*command, *map(str, pictures.sources)], stdout=subprocess.PIPE, check=True
    )
    # Before it, PyTorch may say what it tried to download.
    return json.loads(made.stdout.splitlines()[-1])


def row(result, ours):
    ratio = lambda key: f"{ours[key] / result[key]:>8.2f}"
    return (
        f"{result['name']:<36}{result['bpp']:>7.3f}{result['encode_mps']:>9.2f}"
        f"{result['decode_mps']:>9.2f}{ratio('encode_mps')}{ratio('decode_mps')}"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", metavar="DIR")
    parser.add_argument("--lic", default=str(HERE.parent / "target/release/lic"))
    parser.add_argument("-q", "--quality", type=float, default=50)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3, help="of which the best counts")
    parser.add_argument("--limit", type=int, metavar="N", help="take the first N pictures only")
    parser.add_argument("--compressai", metavar="PYTHON", help="one that has CompressAI")
    parser.add_argument(
        "--weights", metavar="FILE", help="trained weights for it, if its host is out of reach"
    )
    parser.add_argument("--json", metavar="FILE", help="write all figures")
    args = parser.parse_args()
    if not shutil.which(args.lic):
        sys.exit(f"no {args.lic}: build it, or name it with --lic")
    with tempfile.TemporaryDirectory(prefix="lic-peers-") as folder:
        place = Path(folder)
        pictures = Pictures(args.lic, args.pictures, args.limit, place)
        n = args.threads
        print(f"{len(pictures.stems)} pictures, {pictures.pixels / 1e6:.2f} MP, {n} threads")
        print(f"{'':<36}{'bpp':>7}{'enc MP/s':>9}{'dec MP/s':>9}  lic/it: enc, dec")
        ours = pictures.time(
            f"{args.lic} --quiet encode IN.ppm FILE.lic -q {args.quality} --threads {n}",
            f"{args.lic} --quiet decode FILE.lic OUT.ppm --threads {n}",
            args.repeat,
            place,
        )
        ours["name"] = "lic, whole program"
        results = [ours]
        print(row(ours, ours), flush=True)
        for name, encoder, decoder in peers(n):
            missing = [
                line.split()[0]
                for line in (encoder, decoder)
                if not shutil.which(line.split()[0])
            ]
            if missing:
                print(f"{name:<36}left out: no {missing[0]} on PATH")
                continue
            result = {
                "name": f"{name}, whole program",
                **pictures.time(encoder, decoder, args.repeat, place),
            }
            results.append(result)
            print(row(result, ours), flush=True)
        if args.compressai:
            ours = in_memory(args)
            print(row(ours, ours), flush=True)
            result = compressai(args, pictures)
            results += [ours, result]
            print(row(result, ours))
            print(
                f"{'':<4}{result['version']}; {result['weights']}; symbols not zero: {result['nonzero']:.1%}"
            )
    if args.json:
        Path(args.json).write_text(
            json.dumps({"threads": n, "pixels": pictures.pixels, "results": results}, indent=2)
            + "\n"
        )


if __name__ == "__main__":
    main()
