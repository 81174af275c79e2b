"""Pages drawn by code with what is written on them, as a folder that `benchmarks.dataset` reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import ImageDraw

from ocr_engine.fonts import face
from workers.demo.samples import sample_documents

_LATIN = "Invoice total amount received delivery order number customer account balance 2026-11-24 1,284.50 EUR 99.95"
_CHINESE = "人工智能 文字识别 合同编号 发票金额 东京特許許可局 请在签收后三日内付款 北京市朝阳区"
_WORDS = tuple(f"{_LATIN} approved signature reference page section results {_CHINESE}".split())
# Width and height in pixels: a receipt, a form, a screen, A4 at 100 dpi, a strip that is enlarged in the old profile.
_SIZES = ((480, 900), (850, 1100), (1280, 720), (827, 1169), (1000, 400))
_MARGIN_PX = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """A drawn page (H, W, 3) BGR with its lines: text and polygon in its own pixels."""

    pixels: npt.NDArray[np.uint8]
    lines: tuple[tuple[str, npt.NDArray[np.float64]], ...]


def draw_pages(folder: Path, count: int) -> Path:
    """Write `count` sheets and the demo's documents as two sets into the folder. The same bytes every time."""
    _write(folder / "sheets", ((f"{index:03}.png", _encoded(sheet_of(index)), _truth(index)) for index in range(count)))
    samples = sample_documents()
    # A document with several pages has no truth that one image could have.
    _write(
        folder / "samples",
        (
            (
                sample.name,
                sample.data,
                [{"text": line.text, "poly": line.polygon} for line in sample.pages[0].lines]
                if sample.media_type != "application/pdf"
                else [],
            )
            for sample in samples
        ),
    )
    return folder


def sheet_of(seed: int) -> Sheet:
    """One page: size, letters, a slight skew and noise by its number; every fourth is turned by a quarter or more."""
    random = np.random.default_rng(seed)
    width, height = _SIZES[seed % len(_SIZES)]
    page = PIL.Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    lines: list[tuple[str, npt.NDArray[np.float64]]] = []
    top = _MARGIN_PX
    while top < height - 2 * _MARGIN_PX:
        size_px = int(random.integers(14, 38))
        text = _fitting(random, size_px, width - 2 * _MARGIN_PX)
        left, upper, right, lower = pen.textbbox((_MARGIN_PX, top), text, font=face(size_px))
        pen.text((_MARGIN_PX, top), text, fill="black", font=face(size_px))
        lines.append((text, np.array([[left, upper], [right, upper], [right, lower], [left, lower]], dtype=np.float64)))
        top += int(size_px * random.uniform(1.4, 2.2))
    pixels = np.ascontiguousarray(np.asarray(page, dtype=np.uint8)[:, :, ::-1])
    skewed = _skewed(Sheet(pixels=pixels, lines=tuple(lines)), angle_deg=float(random.uniform(-1.5, 1.5)))
    noisy = skewed.pixels.astype(np.float64) + random.normal(0, 6, size=skewed.pixels.shape)
    sheet = Sheet(pixels=np.clip(noisy, 0, 255).astype(np.uint8), lines=skewed.lines)
    return turned(sheet, 1 + seed // 4 % 3) if seed % 4 == 3 else sheet


def turned(sheet: Sheet, quarters: int) -> Sheet:
    """The page turned counter-clockwise by quarters, its polygons with it."""
    lines = sheet.lines
    height, width = sheet.pixels.shape[:2]
    for _ in range(quarters):
        lines = tuple((text, np.stack([polygon[:, 1], width - polygon[:, 0]], axis=1)) for text, polygon in lines)
        height, width = width, height
    return Sheet(pixels=np.ascontiguousarray(np.rot90(sheet.pixels, quarters)), lines=lines)


def _fitting(random: np.random.Generator, size_px: int, width_px: int) -> str:
    """Words until the line is full."""
    text = str(random.choice(_WORDS))
    while True:
        longer = f"{text} {random.choice(_WORDS)}"
        if face(size_px).getlength(longer) > width_px or random.random() < 0.12:
            return text
        text = longer


def _skewed(sheet: Sheet, *, angle_deg: float) -> Sheet:
    height, width = sheet.pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle_deg, 1.0)
    pixels = cv2.warpAffine(sheet.pixels, matrix, (width, height), borderValue=(255, 255, 255))
    affine = np.asarray(matrix, dtype=np.float64).T
    lines = tuple((text, np.hstack([polygon, np.ones((4, 1))]) @ affine) for text, polygon in sheet.lines)
    return Sheet(pixels=np.asarray(pixels, dtype=np.uint8), lines=lines)


def _encoded(sheet: Sheet) -> bytes:
    return cv2.imencode(".png", sheet.pixels)[1].tobytes()


def _truth(seed: int) -> list[dict[str, object]]:
    return [{"text": text, "poly": polygon.round(2).tolist()} for text, polygon in sheet_of(seed).lines]


def _write(folder: Path, pages: Iterator[tuple[str, bytes, Sequence[Mapping[str, object]]]]) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for name, content, lines in pages:
        (folder / "images" / name).write_bytes(content)
        text = "\n".join(str(line["text"]) for line in lines)
        rows.append(json.dumps({"image": f"images/{name}", "lines": lines, "text": text}, ensure_ascii=False))
    (folder / "gt.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
