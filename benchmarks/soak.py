"""`python -m benchmarks.soak`: many pages of changing size through one engine, and the memory it rests at.

Exit code 1: over the last pages the process holds over 10 % more than over as many before the page of `--mark`, or it
ever held more than 2.5 GB. Both are means: memory goes up and down by the quarter of a gigabyte after which the heap is
handed back. Linux only: sizes come from /proc.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.dataset import load
from benchmarks.drawn import sheet_of
from ocr_engine import OCREngine
from ocr_engine.types import Image

LIMIT_BYTES = 2_500_000_000
MAY_GROW = 1.10
# A4 at 300 dpi.
_WIDTH_PX, _HEIGHT_PX = 2480, 3508
_SMALLEST_SHARE = 0.1


def main() -> None:
    """Print the resident size every `--every` pages, then the verdict."""
    arguments = _arguments()
    sizes: list[int] = []
    with OCREngine(profile=arguments.profile) as engine:
        for count, page in enumerate(_pages(arguments), start=1):
            engine.predict_page(page)
            sizes.append(resident_bytes("VmRSS"))
            if count % arguments.every == 0:
                sys.stdout.write(f"{count} pages: {sizes[-1] / 1e6:.0f} MB\n")
                sys.stdout.flush()
    window = arguments.mark // 2
    marked, last = (statistics.mean(sizes[end - window : end]) for end in (arguments.mark, arguments.pages))
    peak, growth = resident_bytes("VmHWM"), last / marked
    sys.stdout.write(
        f"after {arguments.mark} pages {marked / 1e6:.0f} MB, after {arguments.pages} {last / 1e6:.0f} MB "
        f"({growth:.2f}), at most {peak / 1e6:.0f} MB\n"
    )
    if growth > MAY_GROW or peak > LIMIT_BYTES:
        sys.exit("soak: the engine grew by more than a tenth, or held more than 2.5 GB")


def resident_bytes(field: str) -> int:
    """This process's resident size now (VmRSS) or at its largest (VmHWM)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def _pages(arguments: argparse.Namespace) -> Iterator[Image]:
    """Drawn pages, every second one real where there are some, at sizes up to the largest; the same every time."""
    chance = random.Random(7)
    real = [page.path for page in load(arguments.data) if not page.is_pdf] if arguments.data else []
    for index in range(arguments.pages):
        read = cv2.imread(str(real[index // 2 % len(real)])) if real and index % 2 else None
        image = sheet_of(index % 20).pixels if read is None else np.asarray(read, dtype=np.uint8)
        share = chance.uniform(_SMALLEST_SHARE, 1.0) * arguments.largest
        most = min(_WIDTH_PX / image.shape[1], _HEIGHT_PX / image.shape[0]) * share
        size = (max(int(image.shape[1] * most), 32), max(int(image.shape[0] * most), 32))
        yield np.asarray(cv2.resize(image, size), dtype=np.uint8)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--mark", type=int, default=100, help="the page after which it must not grow, two or more")
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--largest", type=float, default=1.0, help="share of A4 at 300 dpi that the largest page has")
    parser.add_argument("--profile", default="default")
    parser.add_argument("--data", type=Path, help="a folder of sets, see benchmarks.dataset: every second page")
    return parser.parse_args()


if __name__ == "__main__":
    main()
