"""Our way to read lines: each alone, first squeezed, and again at its natural width where that reads poorly."""

from __future__ import annotations

import time
from collections.abc import Sequence

import cv2
import numpy as np

from ocr_engine.crew import Crew
from ocr_engine.geometry import crop_quad
from ocr_engine.modules.ctc import Alphabet, decode_best
from ocr_engine.modules.line_orientation import LineOrientationClassifier
from ocr_engine.modules.line_reader import ReadLines
from ocr_engine.modules.normalize import half_range, write_planes
from ocr_engine.modules.squeeze import HEIGHT_PX, SqueezeRule, better, needs_second_look, width_of
from ocr_engine.runtimes import Runtime
from ocr_engine.types import Image, Polygon, Reading


class SqueezeReader:
    """Reads lines side by side. What a line says depends on its pixels alone, not on its neighbours."""

    def __init__(
        self,
        runtime: Runtime,
        alphabet: Alphabet,
        *,
        rule: SqueezeRule,
        crew: Crew,
        classifier: LineOrientationClassifier | None,
    ) -> None:
        self._runtime = runtime
        self._alphabet = alphabet
        self._rule = rule
        self._crew = crew
        self._classifier = classifier
        self._tables = half_range()

    @property
    def can_turn(self) -> bool:
        return self._classifier is not None

    def read(self, page: Image, polygons: Sequence[Polygon], *, turn: bool) -> ReadLines:
        start = time.perf_counter()

        def read_one(polygon: Polygon) -> tuple[Reading, int] | None:
            crop = crop_quad(page, polygon)
            return None if crop is None else self._read_crop(crop, turn=turn)

        found = self._crew.map(read_one, polygons, cost=_length)
        lines = [(polygon, *one) for polygon, one in zip(polygons, found, strict=True) if one is not None]
        return ReadLines(
            polygons=tuple(polygon for polygon, _, _ in lines),
            readings=tuple(reading for _, reading, _ in lines),
            classes=tuple(turned for _, _, turned in lines) if turn else None,
            timings_ms={"recognition": (time.perf_counter() - start) * 1000.0},
        )

    def warm_up(self) -> None:
        blank = np.full((48, 320, 3), 255, dtype=np.uint8)
        if self._classifier is not None:
            self._classifier.classify([blank])
        self._look(blank, 320)

    def _read_crop(self, crop: Image, *, turn: bool) -> tuple[Reading, int]:
        """What a crop says, and 1 if it had to be turned for it."""
        height, width = crop.shape[:2]
        squeezed, natural = (width_of(width, height, share) for share in (self._rule.squeeze, 1.0))
        reading, turned = self._look(crop, squeezed), 0
        # Only a line that reads poorly can be upside down: the classifier costs time, and errs on short lines.
        if turn and reading.score < self._rule.turn_below and self._is_upside_down(crop):
            upright = np.asarray(cv2.rotate(crop, cv2.ROTATE_180), dtype=np.uint8)
            other = self._look(upright, squeezed)
            if other.score > reading.score:
                crop, reading, turned = upright, other, 1
        if needs_second_look(reading, self._rule, width=squeezed, natural_width=natural):
            reading = better(reading, self._look(crop, natural))
        return reading, turned

    def _is_upside_down(self, crop: Image) -> bool:
        return self._classifier is not None and self._classifier.classify([crop]) == [1]

    def _look(self, crop: Image, width: int) -> Reading:
        """Run the network once on the crop, stretched to this width in pixels."""
        batch = np.empty((1, 3, HEIGHT_PX, width), dtype=np.float32)
        resized = np.asarray(cv2.resize(crop, (width, HEIGHT_PX)), dtype=np.uint8)
        write_planes(resized, self._tables, batch[0])
        classes, scores = self._runtime.best(batch)
        return decode_best(classes[0], scores[0], self._alphabet)


def _length(polygon: Polygon) -> float:
    """What a line costs: its length over its height."""
    corners = polygon.astype(np.float32)
    across = float(np.linalg.norm(corners[1] - corners[0]))
    down = float(np.linalg.norm(corners[3] - corners[0]))
    return max(across, down) / max(min(across, down), 1.0)
