"""Read every page with one side, in this environment, into a file: one JSON object a page.

Run as `python -m benchmarks.parity.read SIDE OPTIONS.json OUT.jsonl --data FOLDER`, by `python -m benchmarks.parity`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2

from benchmarks.dataset import Page, load
from benchmarks.parity.readers import OURS, PADDLEX, REFERENCE, Reader, Res, open_reader
from ocr_engine import EngineError


def main() -> None:
    """Lines of `{"page", "pages", "error", "opencv"}`; `pages` are `res` objects, `error` why there are none."""
    arguments = _arguments()
    options = json.loads(arguments.options.read_text(encoding="utf-8"))
    reader = open_reader(arguments.side, options, profile=arguments.profile)
    with arguments.out.open("w", encoding="utf-8") as out:
        for page in load(arguments.data, sets=arguments.sets):
            pages, error = _read(reader, page, arguments.side)
            row = {"page": page.name, "pages": pages, "error": error, "opencv": cv2.__version__}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            out.flush()


def _read(reader: Reader, page: Page, side: str) -> tuple[list[Res], str | None]:
    """The reference's own errors have no common type: whatever it raises is its answer."""
    if side != REFERENCE:
        try:
            return reader(page.path), None
        except EngineError as error:
            return [], f"{error.code}: {error.message}"
    try:
        return reader(page.path), None
    except Exception as error:  # noqa: BLE001  see above
        return [], f"{type(error).__name__}: {error}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.parity.read")
    parser.add_argument("side", choices=(REFERENCE, OURS, PADDLEX))
    parser.add_argument("options", type=Path, help="a JSON object of options that both sides know")
    parser.add_argument("out", type=Path)
    parser.add_argument("--profile", required=True, help="the profile of ours")
    parser.add_argument("--data", type=Path, required=True, help="a folder of sets, see benchmarks.dataset")
    parser.add_argument("--sets", nargs="*", default=())
    return parser.parse_args(sys.argv[1:])


if __name__ == "__main__":
    main()
