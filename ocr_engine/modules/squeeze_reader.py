"""Our way to read lines: first squeezed, and again at their natural width where that reads poorly."""

from __future__ import annotations

import time
from collections.abc import Sequence

import cv2
import numpy as np

from ocr_engine.crew import Crew
from ocr_engine.geometry import crop_quad, widened
from ocr_engine.modules.ctc import Alphabet, decode_best
from ocr_engine.modules.halving import in_halves
from ocr_engine.modules.line_orientation import LineOrientationClassifier
from ocr_engine.modules.line_reader import ReadLines
from ocr_engine.modules.normalize import half_range, write_planes
from ocr_engine.modules.squeeze import (
    HEIGHT_PX,
    SqueezeRule,
    batches_of,
    better,
    needs_second_look,
    pilots_of,
    rule_after,
    width_of,
)
from ocr_engine.runtimes import Runtime
from ocr_engine.types import Classes, Image, Polygon, Reading, Tensor

# Of a line's height, at both ends: a box that is cut close loses half of its first letter. Boxes are reported as found.
_MARGIN = 0.15
# Two widths that most pages have. Two, so that two threads run at once: a network makes itself ready once for each.
_WARM_UP_PX = (96, 384)


class SqueezeReader:
    """Reads lines side by side, those of equal width together. The result of a page depends on that page alone."""

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
        self._scale = half_range()

    @property
    def can_turn(self) -> bool:
        return self._classifier is not None

    def read(self, page: Image, polygons: Sequence[Polygon], *, turn: bool) -> ReadLines:
        start = time.perf_counter()
        cut = self._crew.map(
            lambda polygon: crop_quad(page, widened(polygon, _MARGIN), enough_px=HEIGHT_PX), polygons, cost=_area
        )
        found = [(polygon, crop) for polygon, crop in zip(polygons, cut, strict=True) if crop is not None]
        crops = [crop for _, crop in found]
        readings, rule = self._first_look(crops)
        classes: list[int] | None = None
        if turn:
            crops, readings, classes = self._turn_poor(crops, readings, rule)
        readings = self._look_again(crops, readings, rule)
        return ReadLines(
            polygons=tuple(polygon for polygon, _ in found),
            readings=tuple(readings),
            classes=None if classes is None else tuple(classes),
            timings_ms={"recognition": (time.perf_counter() - start) * 1000.0},
        )

    def warm_up(self) -> None:
        blanks = [np.full((HEIGHT_PX, width, 3), 255, dtype=np.uint8) for width in _WARM_UP_PX]
        if self._classifier is not None:
            self._classifier.classify(blanks[:1])
        self._look(blanks, 1.0)

    def _first_look(self, crops: Sequence[Image]) -> tuple[list[Reading], SqueezeRule]:
        """The squeezed readings, and the rule that the page's longest lines, which are read first, gave the others."""
        pilots = pilots_of([crop.shape for crop in crops], self._rule)
        chosen = [crops[at] for at in pilots]
        found = self._look(chosen, self._rule.squeeze)
        rule = rule_after([crop.shape for crop in chosen], found, self._rule)
        first = dict(zip(pilots, found, strict=True))
        others = [at for at in range(len(crops)) if at not in first]
        first |= zip(others, self._look([crops[at] for at in others], rule.squeeze), strict=True)
        return [first[at] for at in range(len(crops))], rule

    def _turn_poor(
        self, crops: list[Image], readings: list[Reading], rule: SqueezeRule
    ) -> tuple[list[Image], list[Reading], list[int]]:
        """Crops and readings with the upside-down ones turned, and 1 for each that was.

        Only a line that reads poorly is asked about: the classifier costs time, and it errs on short lines. It is
        turned if the classifier says so, of it or of most lines asked about, and it then reads better.
        """
        poor = [at for at, reading in enumerate(readings) if reading.score < rule.turn_below]
        said = (
            self._classifier.classify([crops[at] for at in poor]) if self._classifier is not None else [0] * len(poor)
        )
        # Upside-down lines seldom come alone.
        doubted = poor if 2 * sum(said) > len(poor) else [at for at, one in zip(poor, said, strict=True) if one == 1]
        turned = [np.asarray(cv2.rotate(crops[at], cv2.ROTATE_180), dtype=np.uint8) for at in doubted]
        crops, readings, classes = list(crops), list(readings), [0] * len(crops)
        for at, crop, reading in zip(doubted, turned, self._look(turned, rule.squeeze), strict=True):
            if reading.score > readings[at].score:
                crops[at], readings[at], classes[at] = crop, reading, 1
        return crops, readings, classes

    def _look_again(self, crops: Sequence[Image], readings: Sequence[Reading], rule: SqueezeRule) -> list[Reading]:
        """The readings, the poor ones replaced by those at natural width where these are better."""
        poor = [at for at, crop in enumerate(crops) if needs_second_look(crop.shape, readings[at], rule)]
        second = dict(zip(poor, self._look([crops[at] for at in poor], 1.0), strict=True))
        return [better(reading, second.get(at, reading)) for at, reading in enumerate(readings)]

    def _look(self, crops: Sequence[Image], squeeze: float) -> list[Reading]:
        """What each crop says at this share of its natural width."""
        widths = [width_of(crop.shape[1], crop.shape[0], squeeze) for crop in crops]
        batches = batches_of(widths)
        found = self._crew.map(
            lambda chosen: in_halves(lambda part: self._run([crops[at] for at in part], widths[chosen[0]]), chosen),
            batches,
            cost=lambda chosen: len(chosen) * widths[chosen[0]],
        )
        best = {
            at: one for chosen, batch in zip(batches, found, strict=True) for at, one in zip(chosen, batch, strict=True)
        }
        # All at once: a call of the network empties the processor's caches, and decoding behind it takes five times as
        # long.
        return [decode_best(*best[at], self._alphabet) for at in range(len(crops))]

    def _run(self, crops: Sequence[Image], width: int) -> list[tuple[Classes, Tensor]]:
        """The best class of each step and its probability, for crops that are stretched to this width in one call."""
        batch = np.empty((len(crops), 3, HEIGHT_PX, width), dtype=np.float32)
        for planes, crop in zip(batch, crops, strict=True):
            resized = np.asarray(cv2.resize(crop, (width, HEIGHT_PX)), dtype=np.uint8)
            write_planes(resized, self._scale, planes)
        classes, scores = self._runtime.best(batch)
        return list(zip(classes, scores, strict=True))


def _area(polygon: Polygon) -> float:
    """What it costs to cut a line out: the pixels of its box, about."""
    width, height = np.ptp(polygon.astype(np.int32), axis=0)
    return float(width) * float(height)
