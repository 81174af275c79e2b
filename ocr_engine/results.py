"""The result of one page: the reference's fields, and what is known beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ocr_engine.geometry import bounds, flatten, rotate_quarter
from ocr_engine.modules.words import words_of
from ocr_engine.placed_words import words_on
from ocr_engine.profiles import PageSettings
from ocr_engine.saving import SavedResult, plain, write_json
from ocr_engine.types import Angle, Grid, Image, Line, PageReading, Polygon, WordQuad
from ocr_engine.way_back import WayBack

if TYPE_CHECKING:
    import PIL.Image

    from ocr_engine.exports import PageText


@dataclass(frozen=True, kw_only=True, slots=True)
class PageOrigin:
    """Where a page came from. `page_index`: 0-based, None for a single image. `timings_ms`: what it has cost so far.

    stem: the name under which it is saved; None: the reference's. own_lines: the document's own text, which is taken in
    place of reading the pixels; None: they are read.
    """

    input_path: str | None = None
    page_index: int | None = None
    stem: str | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    own_lines: tuple[Line, ...] | None = None


class OCRResult(SavedResult):
    """One page, as a dict with exactly the reference's `res` fields in its order.

    Polygons in the dict are pixels of the page after it was turned and flattened. Beside the dict:

    width, height: of the page as it was read, pixels, before it was turned.
    original_polys: `rec_polys` in that page's pixels, int, (m, 4, 2) as lists; exact after turning, half a pixel an
        axis after unwarping. None: the unwarping network gives a page and does not tell how (Paddle's format).
    original_outlines: the same lines with points along their sides, (m, n, 2): on a page that was unwarped they follow
        the bent line within a pixel; elsewhere they are `original_polys`.
    original_word_polys: the same of `text_word_region`, (m, k, 4, 2).
    text_word_region: the quadrilateral of every word of every line, when word boxes were asked for.
    text_source: "ocr", or "text_layer" where the lines are the PDF's own text and nothing was read.
    timings_ms: milliseconds by stage: decode (when the engine opened the file), orientation, unwarping, detection,
        textline_orientation, recognition; those that ran.
    """

    def __init__(
        self,
        fields: Mapping[str, object],
        *,
        page: Image,
        reading: PageReading,
        text_word_region: Sequence[Sequence[WordQuad]] = (),
        origin: PageOrigin | None = None,
    ) -> None:
        origin = origin or PageOrigin()
        super().__init__(fields, stem=origin.stem)
        self.text_source: Literal["ocr", "text_layer"] = "ocr" if origin.own_lines is None else "text_layer"
        self._page = page
        self.height, self.width = page.shape[:2]
        self._angle: Angle | None = reading.angle
        self._grid: Grid | None = reading.grid
        self._flat: Image | None = reading.flat
        self.text_word_region = [list(words) for words in text_word_region]
        back = WayBack.of(page, reading)
        self.original_polys = [back.trace(line.polygon) for line in reading.lines] if back else None
        self.original_outlines = [back.outline(line.polygon) for line in reading.lines] if back else None
        self.original_word_polys = (
            [[back.trace(_quad(word)) for word in words] for words in self.text_word_region] if back else None
        )
        self.timings_ms = dict(reading.timings_ms)
        self._reading = reading
        self._back = back

    @property
    def original_words(self) -> list[list[dict[str, Any]]] | None:
        """The words of each line, parted by white space: `text`, and `poly`, its corners in the page as it was given.

        Clockwise as the word is read, from its top left corner, and along the line's slant. Unlike `text_word` they are
        there whether or not word boxes were asked for. None where `original_polys` is None.
        """
        if self._back is None:
            return None
        return [
            [
                {"text": word.text, "poly": self._back.trace(np.rint(word.quad).astype(np.int16))}
                for word in words_on(line.reading, line.polygon, is_upside_down=is_upside_down)
            ]
            for line, is_upside_down in _with_direction(self._reading)
        ]

    def page_text(self, number: int = 1) -> PageText:
        """What `ocr_engine.exports` writes of this page; `number` counts from 1."""
        from ocr_engine.exports import PageText

        page = {"page": number, "width": self.width, "height": self.height, "result": self}
        return PageText.parse({**page, "original_polys": self.original_polys, "original_words": self.original_words})

    @property
    def json(self) -> dict[str, dict[str, Any]]:
        """`{"res": …, "original": …}` with lists and numbers only: the reference's object, and `original` beside it."""
        return {"res": plain(self), "original": self.original}

    @property
    def original(self) -> dict[str, Any]:
        """The page as it was given: `width`, `height` in pixels, `text_source`, `polys` and `outlines` of the lines,
        `word_polys`.
        """
        found: dict[str, Any] = {
            "width": self.width,
            "height": self.height,
            "text_source": self.text_source,
            "polys": self.original_polys,
            "outlines": self.original_outlines,
        }
        if self["return_word_box"]:
            found["word_polys"] = self.original_word_polys
        return found

    def draw_lines(self) -> PIL.Image.Image:
        """Only `img["ocr_res_img"]`: the page beside its text; words in place of lines when they were asked for."""
        return self._draw_lines(self.upright)

    def views(self, *, max_side: int) -> Iterator[tuple[Literal["page", "upright"], PIL.Image.Image]]:
        """The page to look at, with at most `max_side` pixels a side: `page`, as it was given, and, when unwarping has
        bent it, `upright`, as it was read. A page that was only turned is the first one, turned by its `angle`.
        """
        from ocr_engine.render import shrink

        yield "page", shrink(self._page, max_side=max_side)
        if self._flat is not None or self._grid is not None:
            yield "upright", shrink(self.upright, max_side=max_side)

    @property
    def upright(self) -> Image:
        """The page that `rec_polys` refers to: (H, W, 3) BGR, turned and flattened. Made anew at each use."""
        if self._flat is not None:
            return self._flat
        return self._turned if self._grid is None else flatten(self._turned, self._grid)

    @property
    def _turned(self) -> Image:
        return rotate_quarter(self._page, self._angle or 0)

    def _drawings(self) -> Iterator[tuple[str, Callable[[], PIL.Image.Image]]]:
        """Each with its name, made when it is called: who saves them holds one canvas at a time."""
        upright = self.upright
        yield "ocr_res_img", partial(self._draw_lines, upright)
        if self["model_settings"]["use_doc_preprocessor"]:
            yield "preprocessed_img", partial(self._draw_preprocessing, upright)

    def _draw_preprocessing(self, upright: Image) -> PIL.Image.Image:
        from ocr_engine.render import draw_preprocessing

        unwarped = self["doc_preprocessor_res"]["model_settings"]["use_doc_unwarping"]
        # A page that was not bent is one array under two names: a page of memory less.
        turned = self._turned if unwarped else upright
        return draw_preprocessing(self._page, turned, upright, angle=self._angle, unwarped=unwarped)

    def _draw_lines(self, page: Image) -> PIL.Image.Image:
        from ocr_engine.render import draw_lines

        if not self["return_word_box"]:
            return draw_lines(page, self["rec_polys"], self["rec_texts"])
        quads = [_quad(word) for line in self.text_word_region for word in line]
        return draw_lines(page, quads, [word for line in self["text_word"] for word in line])

    def save_original(self, save_path: str | Path) -> Path:
        """Write `original` as `{stem}_original.json` into a folder. Returns the file."""
        return write_json(Path(save_path) / f"{self.stem}_original.json", self.original)

    def save_all(self, save_path: str | Path) -> list[Path]:
        """JSON, coordinates in the page as it was given, and drawings into a folder."""
        return [self.save_to_json(save_path), self.save_original(save_path), *self.save_to_img(save_path)]


def build_result(page: Image, reading: PageReading, settings: PageSettings, origin: PageOrigin) -> OCRResult:
    """Lay a reading out as the reference's `res` object. `page` is the page before it was turned."""
    fields: dict[str, object] = {
        "input_path": origin.input_path,
        "page_index": origin.page_index,
        "model_settings": {
            "use_doc_preprocessor": settings.use_doc_preprocessor,
            "use_textline_orientation": settings.use_textline_orientation,
        },
    }
    if settings.use_doc_preprocessor:
        fields["doc_preprocessor_res"] = _preprocessing(reading.angle, settings)
    fields |= {
        "dt_polys": list(reading.polygons),
        "text_det_params": _detection_params(settings),
        "text_type": "general",
    }
    if reading.polygons:
        # -1 each: line orientation is off. With no line the reference leaves the key out.
        fields["textline_orientation_angles"] = list(reading.line_classes or [-1] * len(reading.polygons))
    fields |= _lines(reading, settings)
    if not settings.return_word_box:
        return OCRResult(fields, page=page, reading=reading, origin=origin)
    words = [words_of(line.reading, line.polygon) for line in reading.lines]
    fields["text_word_boxes"] = [_word_boxes(quads) for _, quads in words]
    fields["text_word"] = [list(texts) for texts, _ in words]
    regions = [quads for _, quads in words]
    return OCRResult(fields, page=page, reading=reading, text_word_region=regions, origin=origin)


def _with_direction(reading: PageReading) -> Iterator[tuple[Line, bool]]:
    """Each line, and whether it was upside down: `line_classes` also counts lines that were dropped afterwards."""
    classes = iter(zip(reading.polygons, reading.line_classes or [0] * len(reading.polygons), strict=True))
    for line in reading.lines:
        yield line, next((turned for polygon, turned in classes if np.array_equal(polygon, line.polygon)), 0) == 1


def _quad(word: WordQuad) -> Polygon:
    return np.array(word, dtype=np.int16)


def _word_boxes(quads: Sequence[WordQuad]) -> npt.NDArray[np.int64]:
    """[x_min, y_min, x_max, y_max] each; an empty array for a line without words."""
    corners = np.array(quads, dtype=np.int64).reshape(-1, 4, 2)
    return np.hstack([corners.min(axis=1), corners.max(axis=1)]) if quads else np.array([], dtype=np.int64)


def _lines(reading: PageReading, settings: PageSettings) -> dict[str, object]:
    boxes = [bounds(line.polygon) for line in reading.lines]
    return {
        "text_rec_score_thresh": settings.rec_score_thresh,
        "return_word_box": settings.return_word_box,
        "rec_texts": [line.reading.text for line in reading.lines],
        "rec_scores": [line.reading.score for line in reading.lines],
        "rec_polys": [line.polygon for line in reading.lines],
        "rec_boxes": np.array(boxes, dtype=np.int16) if boxes else np.array([]),
    }


def _preprocessing(angle: Angle | None, settings: PageSettings) -> dict[str, object]:
    return {
        "input_path": None,
        "page_index": None,
        "model_settings": {
            "use_doc_orientation_classify": settings.use_doc_orientation,
            "use_doc_unwarping": settings.use_doc_unwarping,
        },
        "angle": -1 if angle is None else angle,
    }


def _detection_params(settings: PageSettings) -> dict[str, object]:
    detection = settings.detection
    return {
        "limit_side_len": detection.limit_side_len,
        "limit_type": detection.limit_type,
        "thresh": detection.thresh,
        "max_side_limit": detection.max_side_limit,
        "box_thresh": detection.box_thresh,
        "unclip_ratio": detection.unclip_ratio,
    }
