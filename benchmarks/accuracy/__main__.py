"""`python -m benchmarks.accuracy`: every profile and the switches worth telling, on pages whose text is known.

All with the same PP-OCRv6 small weights; `default` has its quick detector before them. Pages come from `--data`, else
they are drawn.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.accuracy.score import PageScore, score_page, total_of
from benchmarks.dataset import Page, TextLine, load, polygon_of
from benchmarks.drawn import draw_pages
from ocr_engine import OCREngine
from ocr_engine.options import OptionValue

_DRAWN_PAGES = 40
_WEIGHTS: Mapping[str, OptionValue] = {
    "text_detection_model_name": "PP-OCRv6_small_det",
    "text_recognition_model_name": "PP-OCRv6_small_rec",
    "textline_orientation_model_name": "PP-LCNet_x1_0_textline_ori",
}
SETTINGS: Mapping[str, Mapping[str, OptionValue]] = {
    "default": {},
    "default, no line turns": {"use_textline_orientation": False},
    "default, no page turns": {"use_doc_orientation_classify": False},
    "default, no turns": {"use_doc_orientation_classify": False, "use_textline_orientation": False},
    "default, unwarping": {"use_doc_unwarping": True},
    "default, mobile 2.0 line turns": {"textline_orientation_model_name": "ch_ppocr_mobile_v2.0_cls"},
    "default, no quick detector": {"text_detection_model_name": "PP-OCRv6_small_det"},
    "paddleocr-3.7": {**_WEIGHTS, "profile": "paddleocr-3.7"},
    "paddleocr-3.7, no unwarping": {
        **_WEIGHTS,
        "profile": "paddleocr-3.7",
        "use_doc_unwarping": False,
        "use_doc_orientation_classify": True,
    },
    "paddleocr-3.0": {**_WEIGHTS, "profile": "paddleocr-3.0"},
    "paddleocr-3.0, no unwarping": {
        **_WEIGHTS,
        "profile": "paddleocr-3.0",
        "use_doc_unwarping": False,
        "use_doc_orientation_classify": True,
    },
}


def main() -> None:
    """One line a setting and set, as they are measured."""
    arguments = _arguments()
    data = arguments.data or draw_pages(arguments.work / "drawn", _DRAWN_PAGES)
    pages = [page for page in load(data, sets=arguments.sets) if page.has_truth and not page.is_pdf]
    sys.stdout.write(f"{'':32} {'set':10} pages   1-NED  word F1   det P   det R  det F1  end to end\n")
    for name in arguments.settings:
        for line in _rows(name, pages):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def _rows(name: str, pages: list[Page]) -> Iterator[str]:
    with OCREngine(**SETTINGS[name]) as engine:
        for group in dict.fromkeys(page.group for page in pages):
            total = total_of([_score(engine, page) for page in pages if page.group == group])
            yield (
                f"{name:32} {group:10} {total.pages:5d} {total.one_ned:7.2f} {total.word_f1:8.2f} "
                f"{total.detection_precision:7.2f} {total.detection_recall:7.2f} {total.detection_f1:7.2f} "
                f"{total.end_to_end:11.2f}"
            )


def _score(engine: OCREngine, page: Page) -> PageScore:
    """Lines are compared in the page's own pixels, whatever was turned or flattened."""
    (result,) = engine.predict(page.path)
    if result.original_polys is None:
        raise RuntimeError("the unwarping network does not say where a line was: these weights cannot be scored")
    lines = zip(result["rec_texts"], result.original_polys, strict=True)
    return score_page(page, [TextLine(text=text, polygon=polygon_of(points)) for text, points in lines])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.accuracy", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder of sets, see benchmarks.dataset; default: drawn pages")
    parser.add_argument("--sets", nargs="*", default=(), help="only these sets")
    parser.add_argument("--settings", nargs="*", default=list(SETTINGS), choices=list(SETTINGS), metavar="SETTING")
    parser.add_argument("--work", type=Path, default=Path("build/accuracy"), help="where pages are drawn")
    return parser.parse_args()


if __name__ == "__main__":
    main()
