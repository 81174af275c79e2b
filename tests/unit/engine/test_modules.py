"""The modules one by one, on a runtime that answers what the test says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ocr_engine import ModelUnavailable
from ocr_engine.modules.contours import ContourRules, mean_inside, scored_quads_of
from ocr_engine.modules.ctc import Alphabet, decode
from ocr_engine.modules.detection import DetectionSettings, TextDetector, input_size
from ocr_engine.modules.doc_orientation import OrientationClassifier
from ocr_engine.modules.normalize import IMAGENET_MEAN, IMAGENET_STD, Scale, half_range, scale_and_shift, write_planes
from ocr_engine.modules.recognition import TextRecognizer, line_widths
from ocr_engine.runtimes import Runtime
from ocr_engine.runtimes.canned import CannedRuntime
from ocr_engine.types import Tensor

ALPHABET = Alphabet(characters=("", "a", "b", " "))


def settings(limit_type: str = "min", limit: int = 64, max_side: int = 4000) -> DetectionSettings:
    return DetectionSettings(
        limit_side_len=limit,
        limit_type="max" if limit_type == "max" else "min",
        thresh=0.3,
        max_side_limit=max_side,
        box_thresh=0.6,
        unclip_ratio=1.5,
    )


@pytest.mark.parametrize(
    ("page", "rule", "expected"),
    [
        ((900, 640), settings(), (896, 640)),
        ((33, 1000), settings(), (64, 1952)),
        ((1000, 1500), settings("max", 960), (640, 960)),
        ((700, 500), settings("max", 960), (704, 512)),
        ((500, 700), settings("min", 736), (736, 1024)),
        ((9000, 100), settings(), (4000, 32)),
        ((10_000, 8000), settings("max", 16_000), (4000, 3200)),
        ((2000, 1000), settings(max_side=960), (960, 480)),
        # Half a stride rounds to the even multiple.
        ((80, 112), settings(), (64, 128)),
        ((5, 4000), settings(), (32, 4000)),
        # Long pages: the short side keeps 0.3 of the limit, and the page no more pixels than a square of it.
        ((1000, 1500), replace(settings(max_side=1600), long_pages=True), (992, 1504)),
        ((2000, 6000), replace(settings(max_side=1600), long_pages=True), (544, 1600)),
        ((1000, 8000), replace(settings(max_side=1600), long_pages=True), (480, 3840)),
        ((8000, 1000), replace(settings(max_side=1600), long_pages=True), (3840, 480)),
        ((1000, 25_000), replace(settings(max_side=1600), long_pages=True), (320, 8000)),
    ],
)
def test_the_detector_sees_the_size_that_the_rules_give(
    page: tuple[int, int], rule: DetectionSettings, expected: tuple[int, int]
) -> None:
    assert input_size(*page, rule) == expected


@pytest.mark.parametrize("shape", [(4096, 1600), (1600, 4096), (2112, 2080)])
def test_a_very_large_page_is_searched_in_bands_that_make_one_map(shape: tuple[int, int]) -> None:
    """The network here says what it is shown, so that a pixel that is lost, doubled or turned shows."""
    height, width = shape
    page = np.zeros((height, width, 3), dtype=np.uint8)
    for x, y in ((40, 30), (width // 2, height // 2), (width - 340, height - 60)):
        page[y : y + 40, x : x + 300] = 255
    runtime = CannedRuntime(lambda batch: np.asarray((batch[:, :1] + 1) / 2, dtype=np.float32))
    rules = replace(settings(max_side=8000), unclip_ratio=0.01)
    found = sorted(TextDetector(runtime, max_candidates=10, exact=False).detect(page, rules), key=lambda box: box[0][1])
    assert len(runtime.shapes) > 1
    assert all(side % 32 == 0 for _n, _c, *sides in runtime.shapes for side in sides)
    assert all(rows * columns < 2048 * 2048 for _n, _c, rows, columns in runtime.shapes)
    boxes = [[*box.min(axis=0), *box.max(axis=0)] for box in found]
    expected = [[40, 30, 340, 70], [width // 2, height // 2, width // 2 + 300, height // 2 + 40]]
    assert np.abs(np.array(boxes[:2]) - expected).max() <= 2
    assert np.abs(np.array(boxes[2]) - [width - 340, height - 60, width - 40, height - 20]).max() <= 2


def test_the_reference_s_profiles_search_every_page_as_a_whole() -> None:
    runtime = CannedRuntime(lambda batch: np.zeros((1, 1, *batch.shape[2:]), dtype=np.float32))
    TextDetector(runtime, max_candidates=10).detect(np.zeros((2048, 2112, 3), np.uint8), settings())
    assert runtime.shapes == [(1, 3, 2048, 2112)]


def test_the_detector_finds_the_bright_block_and_scales_it_to_the_page() -> None:
    def answer(batch: Tensor) -> Tensor:
        probabilities = np.zeros((1, 1, *batch.shape[2:]), dtype=np.float32)
        probabilities[0, 0, 20:40, 32:128] = 0.9
        return probabilities

    runtime = CannedRuntime(answer)
    page = np.full((96, 192, 3), 255, dtype=np.uint8)
    (found,) = TextDetector(runtime, max_candidates=3000).detect(page, settings())
    assert runtime.shapes == [(1, 3, 96, 192)]
    # 20 x 96 grows by area * 1.5 / perimeter = 12 pixels a side (pyclipper cuts to whole pixels).
    assert np.abs(found - [[20, 8], [139, 8], [139, 51], [20, 51]]).max() <= 2


def test_a_tiny_page_is_padded_to_one_stride() -> None:
    runtime = CannedRuntime(lambda batch: np.zeros((1, 1, *batch.shape[2:]), dtype=np.float32))
    assert TextDetector(runtime, max_candidates=3000).detect(np.zeros((9, 12, 3), dtype=np.uint8), settings()) == []
    assert runtime.shapes == [(1, 3, 64, 64)]


def test_each_threshold_drops_what_is_under_it() -> None:
    probabilities = np.zeros((64, 128), dtype=np.float32)
    probabilities[20:40, 20:100] = 0.7

    def count(thresh: float, box_thresh: float) -> int:
        return quads_in(probabilities, thresh=thresh, box_thresh=box_thresh)

    assert (count(0.3, 0.6), count(0.75, 0.6), count(0.3, 0.8)) == (1, 0, 0)


def test_no_more_regions_are_looked_at_than_the_model_was_published_with() -> None:
    probabilities = np.zeros((64, 128), dtype=np.float32)
    for left in (4, 44, 84):
        probabilities[20:40, left : left + 30] = 0.9
    assert [quads_in(probabilities, max_candidates=most) for most in (1, 2, 3000)] == [1, 2, 3]


def quads_in(probabilities: Tensor, *, thresh: float = 0.3, box_thresh: float = 0.6, max_candidates: int = 3000) -> int:
    rules = ContourRules(thresh=thresh, box_thresh=box_thresh, unclip_ratio=1.5, max_candidates=max_candidates)
    return len(scored_quads_of(probabilities, rules, page_width=128, page_height=64))


def test_the_mean_inside_a_quadrilateral_matches_pixel_counting() -> None:
    probabilities = np.random.default_rng(2).random((40, 60), dtype=np.float32)
    corners = np.array([[10, 5], [50, 5], [50, 30], [10, 30]], dtype=np.float32)
    assert mean_inside(probabilities, corners) == pytest.approx(probabilities[5:31, 10:51].mean(), abs=1e-6)


def collapsed(classes: list[int]) -> str:
    """CTC by the book: drop repeats, then blanks."""
    merged = [c for i, c in enumerate(classes) if i == 0 or c != classes[i - 1]]
    return "".join(ALPHABET.characters[c] for c in merged if c)


def test_ctc_merges_repeats_and_drops_blanks() -> None:
    dice = np.random.default_rng(3)
    for _ in range(300):
        steps = dice.random((int(dice.integers(1, 12)), 4), dtype=np.float32)
        assert decode(steps, ALPHABET).text == collapsed(steps.argmax(axis=1).tolist())


def test_the_score_is_the_mean_of_the_steps_that_were_kept() -> None:
    steps = np.array([[0, 0.8, 0, 0], [0, 0.1, 0, 0], [0.9, 0, 0, 0], [0, 0, 0.4, 0]], dtype=np.float32)
    reading = decode(steps, ALPHABET)
    assert reading.text == "ab"
    assert reading.score == pytest.approx(0.6)


def test_an_empty_reading_scores_zero() -> None:
    assert decode(np.array([[1, 0, 0, 0]], dtype=np.float32), ALPHABET).score == 0.0


def test_a_dictionary_is_split_at_newlines_only() -> None:
    alphabet = Alphabet.of({"character": "a\n\u3000\n'\n\u2028\n"})
    assert alphabet.characters == ("", "a", "\u3000", "'", "\u2028", " ")


def test_weights_without_their_dictionary_are_refused() -> None:
    with pytest.raises(ModelUnavailable):
        Alphabet.of({})
    with pytest.raises(ModelUnavailable, match="7 classes"):
        decode(np.zeros((3, 7), dtype=np.float32), ALPHABET)


@pytest.mark.parametrize(
    ("crop", "expected"),
    [((100, 48), (100, 320)), ((320, 48), (320, 320)), ((333, 40), (399, 399)), ((9000, 48), (3200, 3200))],
)
def test_a_line_is_padded_to_320_and_cut_off_at_3200(crop: tuple[int, int], expected: tuple[int, int]) -> None:
    assert line_widths(*crop) == expected


def test_lines_are_read_narrowest_first_and_returned_in_their_own_order() -> None:
    def answer(batch: Tensor) -> Tensor:
        """One step a line: 'a' when the line's first pixel is bright, else 'b'."""
        bright = batch[:, 0, 0, 0] > 0
        steps = np.zeros((len(batch), 1, 4), dtype=np.float32)
        steps[bright, 0, 1] = steps[~bright, 0, 2] = 1.0
        return steps

    runtime = CannedRuntime(answer)
    crops = [np.full((48, width, 3), value, dtype=np.uint8) for width, value in ((900, 255), (50, 0), (400, 255))]
    readings = TextRecognizer(runtime, ALPHABET, batch_size=2).recognize(crops)
    assert runtime.shapes == [(2, 3, 48, 400), (1, 3, 48, 900)]
    assert [r.text for r in readings] == ["a", "b", "a"]


def test_no_lines_ask_the_network_nothing() -> None:
    runtime: CannedRuntime = CannedRuntime(lambda batch: batch)
    checked: Runtime = runtime
    assert TextRecognizer(checked, ALPHABET, batch_size=6).recognize([]) == []
    assert runtime.shapes == []


def test_the_best_class_is_the_angle_and_the_input_is_rgb() -> None:
    seen: list[Tensor] = []

    def answer(batch: Tensor) -> Tensor:
        seen.append(batch.copy())
        return np.array([[0.1, 0.2, 0.4, 0.3]], dtype=np.float32)

    blue = np.zeros((300, 500, 3), dtype=np.uint8)
    blue[:, :, 0] = 255
    assert OrientationClassifier(CannedRuntime(answer)).classify(blue) == 180
    assert seen[0].shape == (1, 3, 224, 224)
    assert [int(plane[0, 0] > 0) for plane in seen[0][0]] == [0, 0, 1]


def test_every_byte_is_scaled_to_the_references_bits() -> None:
    levels = np.arange(256, dtype=np.float32)
    image = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)

    def scaled(scale: Scale) -> Tensor:
        out = np.empty((3, 16, 16), dtype=np.float32)
        write_planes(image, scale, out)
        return out.reshape(3, 256)

    for plane in scaled(half_range()):
        assert np.array_equal(plane, (levels / 255 - 0.5) / 0.5)
    planes = scaled(scale_and_shift(IMAGENET_MEAN, IMAGENET_STD))
    for plane, mean, std in zip(planes, IMAGENET_MEAN, IMAGENET_STD, strict=True):
        assert np.array_equal(plane, levels * np.float32(1.0 / 255.0 / std) + np.float32(-mean / std))
        assert np.allclose(plane, (levels / 255 - mean) / std, atol=1e-6)
