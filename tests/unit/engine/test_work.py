"""How much work a page is: pixels, calls and bytes, which no slow machine can change. Each bound says why it holds."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from ocr_engine import OCREngine, loading
from ocr_engine.modules.squeeze import HEIGHT_PX
from ocr_engine.options import EngineOptions
from ocr_engine.runtimes import Runtime
from ocr_engine.runtimes.plan import RuntimePlan, plan_runtime
from ocr_engine.runtimes.select import open_onnx
from ocr_engine.types import Classes, Tensor
from ocr_engine.zoo.registry import Module, find
from ocr_engine.zoo.resolve import Zoo
from tests.unit.engine.drawing import LINES, bgr, sheet


@dataclass
class CountingRuntime:
    """A runtime that remembers the shape of every batch."""

    inner: Runtime
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def precision(self) -> str:
        return self.inner.precision

    @property
    def metadata(self) -> Mapping[str, str]:
        return self.inner.metadata

    def run(self, batch: Tensor, /) -> Tensor:
        self.shapes.append(batch.shape)
        return self.inner.run(batch)

    def run_all(self, batch: Tensor, /) -> tuple[Tensor, ...]:
        self.shapes.append(batch.shape)
        return self.inner.run_all(batch)

    def best(self, batch: Tensor, /) -> tuple[Classes, Tensor]:
        self.shapes.append(batch.shape)
        return self.inner.best(batch)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """An engine and its networks in the order in which they are loaded."""

    engine: OCREngine
    orientation: CountingRuntime
    classifier: CountingRuntime
    detector: CountingRuntime
    recognizer: CountingRuntime


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    made: list[CountingRuntime] = []

    def counting(plan: RuntimePlan, weights: bytes) -> Runtime:
        made.append(CountingRuntime(open_onnx(plan, weights)))
        return made[-1]

    monkeypatch.setattr(loading, "open_onnx", counting)
    engine = OCREngine(cpu_threads=2)
    for runtime in made:
        runtime.shapes.clear()
    orientation, classifier, detector, recognizer = made
    return Counted(
        engine=engine, orientation=orientation, classifier=classifier, detector=detector, recognizer=recognizer
    )


def pixels(runtime: CountingRuntime) -> int:
    return sum(count * height * width for count, _, height, width in runtime.shapes)


def test_a_page_that_reads_well_costs_one_squeezed_look_a_line(counted: Counted) -> None:
    with counted.engine as engine:
        result = engine.predict_page(bgr(sheet()))
    assert min(result["rec_scores"]) > 0.9
    natural = sum(HEIGHT_PX**2 * (x1 - x0) / (y1 - y0) for x0, y0, x1, y1 in result["rec_boxes"].tolist())
    # The squeeze leaves 0.7 of a line's natural width; rounding up to 32 adds at most 31 columns a line.
    assert pixels(counted.recognizer) <= 0.7 * natural + len(LINES) * 31 * HEIGHT_PX
    assert len(counted.recognizer.shapes) <= len(LINES)
    # A line that reads well is not asked which way up it is.
    assert counted.classifier.shapes == []
    # One look at the whole page, its short side enlarged to 736, and one thumbnail for its orientation.
    assert [shape[2:] for shape in counted.detector.shapes] == [(736, 1024)]
    assert [shape[2:] for shape in counted.orientation.shapes] == [(224, 224)]


def test_a_page_of_short_lines_costs_fewer_calls_than_lines(counted: Counted) -> None:
    with counted.engine as engine:
        result = engine.predict_page(bgr(sheet(("No. 3001",) * 8, size=(400, 800))))
    assert result["rec_texts"] == ["No. 3001"] * 8
    # Lines of equal width share a call of up to 768 pixels; the eight are about 128 wide each.
    assert len(counted.recognizer.shapes) <= 5


def test_a_huge_page_is_no_more_than_the_cap_to_the_detector(counted: Counted) -> None:
    with counted.engine as engine:
        engine.predict_page(bgr(sheet(LINES[:1], size=(3000, 4000))))
    # The cap of profile=default, and half a stride of rounding.
    assert max(counted.detector.shapes[0][2:]) <= 1616


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_the_probabilities_of_a_line_are_not_copied(name: str) -> None:
    weights = Zoo.at(None, "offline").resolve(find(Module.TEXT_RECOGNITION, None)).read().content
    runtime = open_onnx(plan_runtime(EngineOptions(engine=name), threads=1), weights)
    batch = np.zeros((1, 3, HEIGHT_PX, 320), dtype=np.float32)
    probabilities_bytes = runtime.run(batch).nbytes
    tracemalloc.start()
    try:
        runtime.best(batch)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # What leaves is a class and a probability a step: 16 bytes in place of 75 thousand. ONNX Runtime gives its output
    # to numpy, once.
    assert peak_bytes < probabilities_bytes * (1.1 if name == "onnxruntime" else 0.1)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_lines_of_equal_width_read_together_as_they_read_alone(name: str) -> None:
    weights = Zoo.at(None, "offline").resolve(find(Module.TEXT_RECOGNITION, None)).read().content
    runtime = open_onnx(plan_runtime(EngineOptions(engine=name), threads=1, exact=False), weights)
    batch = np.random.default_rng(5).uniform(-1, 1, size=(4, 3, HEIGHT_PX, 192)).astype(np.float32)
    classes, scores = runtime.best(batch)
    alone = [runtime.best(batch[at : at + 1]) for at in range(4)]
    assert np.array_equal(classes, np.concatenate([one for one, _ in alone]))
    assert np.abs(scores - np.concatenate([score for _, score in alone])).max() < 1e-5
