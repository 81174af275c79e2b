"""Which pages the careful detector looks at, and with which settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from ocr_engine import OCREngine
from ocr_engine.modules.cascade import DetectorCascade, is_unsure, redo_from
from ocr_engine.modules.detection import DetectionSettings, TextDetector
from ocr_engine.types import Image, Polygon

PAGE = np.zeros((10, 10, 3), dtype=np.uint8)
SETTINGS = DetectionSettings(
    limit_side_len=736,
    limit_type="min",
    thresh=0.25,
    max_side_limit=1600,
    box_thresh=0.45,
    unclip_ratio=1.35,
    finer_side_limit=2000,
)


@dataclass
class Scripted(TextDetector):
    """Finds a box for each score, all alike."""

    box: int
    scores: Sequence[float]
    seen: list[DetectionSettings] = field(default_factory=list)

    def detect_scored(self, image: Image, settings: DetectionSettings) -> list[tuple[Polygon, float]]:
        self.seen.append(settings)
        return [(np.full((4, 2), self.box, dtype=np.int16), score) for score in self.scores]


def cascade(scores: Sequence[float], *, effort: float = 0.5) -> tuple[DetectorCascade, Scripted, Scripted]:
    quick, careful = Scripted(box=1, scores=scores), Scripted(box=2, scores=[0.9])
    return DetectorCascade(quick, careful, redo_from=redo_from(effort)), quick, careful


def test_a_page_of_which_the_quick_detector_is_sure_is_searched_once() -> None:
    detector, quick, careful = cascade([0.9] * 9 + [0.6])
    assert [int(box[0, 0]) for box in detector.detect(PAGE, SETTINGS)] == [1] * 10
    assert careful.seen == []
    assert quick.seen == [SETTINGS]


def test_a_page_with_many_unsure_boxes_is_searched_by_the_careful_one() -> None:
    detector, _, careful = cascade([0.9] * 8 + [0.6] * 2)
    assert [int(box[0, 0]) for box in detector.detect(PAGE, SETTINGS)] == [2]
    assert careful.seen == [SETTINGS]


def test_a_blank_page_is_searched_once() -> None:
    detector, _, careful = cascade([])
    assert detector.detect(PAGE, SETTINGS) == []
    assert careful.seen == []


def test_the_least_effort_never_searches_again_and_more_does_sooner() -> None:
    assert not is_unsure([0.0] * 5, redo_from=redo_from(0.0))
    assert [redo_from(effort) for effort in (0.25, 0.5, 0.75)] == [0.25, 0.12, 0.06]
    assert is_unsure([0.6] * 3 + [0.8] * 22, redo_from=redo_from(0.5))
    assert not is_unsure([0.6] * 2 + [0.8] * 23, redo_from=redo_from(0.5))


@pytest.mark.parametrize(
    ("options", "quick"),
    [
        ({}, True),
        ({"effort": 0.9}, True),
        ({"effort": 1.0}, False),
        ({"text_detection_model_name": "PP-OCRv6_small_det"}, False),
        ({"text_recognition_batch_size": 4}, False),
        ({"lang": "en"}, True),
    ],
)
def test_a_quick_detector_is_there_unless_one_is_named_or_every_line_is_read_once(
    options: dict[str, float | str], quick: bool
) -> None:
    with OCREngine(cpu_threads=1, use_textline_orientation=False, **options) as engine:
        assert ("quick_text_detection" in engine.models) is quick
        assert engine.models["text_detection"].startswith("PP-OCRv6_small_det@")
