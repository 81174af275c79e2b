"""How much work a page is: pixels, calls and bytes, which no slow machine can change. Each bound says why it holds."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from ocr_engine import OCREngine, loading
from ocr_engine.heap import Heap
from ocr_engine.modules.squeeze import HEIGHT_PX
from ocr_engine.options import EngineOptions
from ocr_engine.runtimes import Runtime
from ocr_engine.runtimes.plan import RuntimePlan, plan_runtime
from ocr_engine.runtimes.select import open_onnx
from ocr_engine.runtimes.weights import Weights
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
    careful: CountingRuntime
    quick: CountingRuntime
    recognizer: CountingRuntime


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[CountingRuntime]:
    """The networks of every engine that is built, in the order in which they are loaded."""
    made: list[CountingRuntime] = []

    def counting(plan: RuntimePlan, weights: Weights) -> Runtime:
        made.append(CountingRuntime(open_onnx(plan, weights)))
        return made[-1]

    monkeypatch.setattr(loading, "open_onnx", counting)
    return made


@pytest.fixture
def counted(made: list[CountingRuntime]) -> Counted:
    engine = OCREngine(cpu_threads=2)
    for runtime in made:
        runtime.shapes.clear()
    orientation, classifier, careful, quick, recognizer = made
    return Counted(
        engine=engine,
        orientation=orientation,
        classifier=classifier,
        careful=careful,
        quick=quick,
        recognizer=recognizer,
    )


def pixels(runtime: CountingRuntime) -> int:
    return sum(count * height * width for count, _, height, width in runtime.shapes)


def test_a_page_that_reads_well_costs_one_squeezed_look_a_line(counted: Counted) -> None:
    with counted.engine as engine:
        result = engine.predict_page(bgr(sheet()))
    assert min(result["rec_scores"]) > 0.9
    natural = sum(HEIGHT_PX**2 * (x1 - x0) / (y1 - y0) for x0, y0, x1, y1 in result["rec_boxes"].tolist())
    # The squeeze leaves 0.65 of a line's natural width and of its margins, 0.15 of its height at both ends; rounding to
    # a multiple of 32 adds at most 16 columns a line.
    assert pixels(counted.recognizer) <= 0.65 * natural + len(LINES) * (0.65 * 0.3 * HEIGHT_PX + 16) * HEIGHT_PX
    assert len(counted.recognizer.shapes) <= len(LINES)
    # A line that reads well is not asked which way up it is.
    assert counted.classifier.shapes == []
    # One look at the whole page, its short side enlarged to 736, and one thumbnail for its orientation.
    assert [shape[2:] for shape in counted.quick.shapes] == [(736, 1024)]
    assert counted.careful.shapes == []
    assert [shape[2:] for shape in counted.orientation.shapes] == [(224, 224)]


def test_a_warm_up_is_no_page(counted: Counted) -> None:
    """Every network runs, the recogniser in two threads, on hardly any pixels: a page's worth would be for nothing."""
    with counted.engine as engine:
        engine.warm_up()
    assert [len(one.shapes) for one in (counted.orientation, counted.classifier)] == [1, 1]
    for detector in (counted.quick, counted.careful):
        assert [shape[2:] for shape in detector.shapes] == [(64, 64)]
    assert len(counted.recognizer.shapes) == 2
    assert pixels(counted.recognizer) <= HEIGHT_PX * 480


def test_a_page_of_short_lines_costs_fewer_calls_than_lines(counted: Counted) -> None:
    with counted.engine as engine:
        result = engine.predict_page(bgr(sheet(("No. 3001",) * 8, size=(400, 800))))
    assert result["rec_texts"] == ["No. 3001"] * 8
    # Lines of equal width share a call of up to 768 pixels; the eight are about 128 wide each.
    assert len(counted.recognizer.shapes) <= 5


def test_a_huge_page_is_no_more_than_the_cap_to_the_detector(counted: Counted) -> None:
    with counted.engine as engine:
        engine.predict_page(bgr(sheet(LINES[:1], size=(3000, 4000))))
    # Both look once more, at 2000 to the nearest multiple of the stride, where text is small at 1600.
    assert [max(shape[2:]) for shape in counted.quick.shapes] in ([1600], [1600, 1984])
    assert [max(shape[2:]) for shape in counted.careful.shapes] in ([], [1600], [1600, 1984])


def test_a_careful_look_at_large_text_is_one_look(made: list[CountingRuntime]) -> None:
    large = cv2.resize(bgr(sheet()), (2250, 1600))
    with OCREngine(cpu_threads=1, effort=1.0, use_doc_orientation_classify=False) as engine:
        made[1].shapes.clear()
        engine.predict_page(np.asarray(large, dtype=np.uint8))
    assert [max(shape[2:]) for shape in made[1].shapes] == [1600]


def test_whoever_says_how_large_a_page_may_be_has_it_searched_once(counted: Counted) -> None:
    with counted.engine as engine:
        engine.predict(np.asarray(cv2.resize(bgr(sheet()), (2250, 1600)), dtype=np.uint8), text_det_max_side_limit=960)
    assert [max(shape[2:]) for shape in (*counted.quick.shapes, *counted.careful.shapes)] == [960]


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_the_probabilities_of_a_line_are_not_copied(name: str) -> None:
    weights = Zoo.at(None, "offline").resolve(find(Module.TEXT_RECOGNITION, None))
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
    weights = Zoo.at(None, "offline").resolve(find(Module.TEXT_RECOGNITION, None))
    runtime = open_onnx(plan_runtime(EngineOptions(engine=name), threads=1, exact=False), weights)
    batch = np.random.default_rng(5).uniform(-1, 1, size=(4, 3, HEIGHT_PX, 192)).astype(np.float32)
    classes, scores = runtime.best(batch)
    alone = [runtime.best(batch[at : at + 1]) for at in range(4)]
    assert np.array_equal(classes, np.concatenate([one for one, _ in alone]))
    assert np.abs(scores - np.concatenate([score for _, score in alone])).max() < 1e-5


def test_the_heap_is_handed_back_once_the_process_has_grown_by_a_fifth_of_a_gigabyte() -> None:
    """Each time costs the faults of a whole page; too seldom leaves hundreds of megabytes of holes."""
    handed_back: list[int] = []
    resident_mb = iter([300, 490, 501, 350, 540, 320, 521, 330])
    heap = Heap(resident=lambda: next(resident_mb) * 2**20, trim=lambda: handed_back.append(1))
    counts = []
    for _ in range(5):
        heap.settle()
        counts.append(len(handed_back))
    # 490 is within the bound; 501 is not, and leaves 350; 540 is within; at 320 the bound sinks, so that 521 is not.
    assert counts == [0, 1, 1, 1, 2]


def test_every_page_settles_the_heap(monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[int] = []
    monkeypatch.setattr(Heap, "settle", lambda self: settled.append(1))
    with OCREngine(cpu_threads=1) as engine:
        engine.predict([np.full((64, 64, 3), 255, dtype=np.uint8)] * 3)
    assert len(settled) == 3
