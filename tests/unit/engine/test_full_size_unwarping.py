"""UVDoc in its official form: the page in full, and the grid when the graph has one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from ocr_engine import ModelUnavailable, OCREngine, OCRResult
from ocr_engine.geometry import flatten
from ocr_engine.modules.unwarping import Unwarper
from ocr_engine.runtimes.canned import CannedRuntime
from ocr_engine.runtimes.onnx_graph import gives_grid, with_grid_output
from ocr_engine.types import Tensor
from tests.unit.engine import uvdoc
from tests.unit.engine.drawing import LINES, bgr, sheet
from tests.unit.engine.test_unwarping import curved_sheet, wavy


def read_with(folder: Path | None, **options: str) -> OCRResult:
    with OCREngine(
        use_doc_unwarping=True,
        use_doc_orientation_classify=False,
        doc_unwarping_model_dir=folder,
        cpu_threads=2,
        **options,
    ) as engine:
        return engine.predict_page(curved_sheet())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield uvdoc.saved_in(tmp_path_factory.mktemp("uvdoc"), uvdoc.full_size())


@pytest.fixture(scope="module")
def by_grid() -> OCRResult:
    return read_with(None)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_the_full_size_form_reads_and_maps_back_like_the_grid_form(
    folder: Path, by_grid: OCRResult, engine: str
) -> None:
    read = read_with(folder, engine=engine)
    assert read["rec_texts"] == by_grid["rec_texts"]
    assert len(read["rec_texts"]) == len(LINES)
    # The two shrink the page in different ways, so their grids differ by a pixel or two of the page.
    assert np.abs(np.subtract(read.original["polys"], by_grid.original["polys"])).max() <= 3


def test_the_page_is_the_one_that_the_network_made(folder: Path) -> None:
    (weights,) = (path.read_bytes() for path in folder.glob("*.onnx"))
    page = curved_sheet()
    with_grid = with_grid_output(weights)
    assert with_grid is not None
    session = onnxruntime.InferenceSession(with_grid)
    flat, knots = session.run(None, {"image": (page.transpose(2, 0, 1)[None] / 255).astype(np.float32)})
    assert knots.shape == (1, 2, 45, 31)
    network_page = (flat[0].transpose(1, 2, 0) * 255).astype(np.uint8)
    made = read_with(folder).upright
    assert np.abs(made.astype(int) - network_page).max() <= 1  # a product of 255 may fall on either side of a whole
    # And it is the page that the grid makes: the same up to rounding and truncation.
    difference = np.abs(made.astype(int) - flatten(page, knots[0]))
    assert difference.max() <= 6
    assert difference.mean() < 0.6


def test_the_forms_are_told_apart_by_what_they_give() -> None:
    assert gives_grid(uvdoc.grid_network())
    assert not gives_grid(uvdoc.full_size())


def test_the_edited_model_is_a_model_with_one_output_more() -> None:
    edited = with_grid_output(uvdoc.full_size())
    assert edited is not None
    assert [output.name for output in onnx.load_from_string(edited).graph.output] == ["flat", "knots"]


def test_a_network_without_a_grid_unwarps_and_gives_no_way_back(tmp_path: Path) -> None:
    # Sampling that counts from the edges of pixels is not that of this grid: better no coordinates than wrong ones.
    weights = uvdoc.full_size(align_corners=0)
    assert with_grid_output(weights) is None
    read = read_with(uvdoc.saved_in(tmp_path, weights))
    assert len(read["rec_texts"]) == len(LINES)
    assert read.original_polys is None and read.original_word_polys is None
    assert read.json["original"] == {
        "width": 900,
        "height": 640,
        "text_source": "ocr",
        "polys": None,
        "outlines": None,
    }
    assert read.img["preprocessed_img"].size == (2700, 665)
    assert not np.array_equal(read.upright, curved_sheet())


def test_the_page_is_bgr_over_255_both_ways_and_cut_to_whole_numbers() -> None:
    seen: list[Tensor] = []

    def answer(batch: Tensor) -> Tensor:
        seen.append(batch.copy())
        return batch * np.float32(0.999)

    page = bgr(sheet(size=(90, 60)))
    page[0, 0] = (200, 100, 50)
    unwarped = Unwarper(CannedRuntime(answer), takes_page=True).unwarp(page)
    assert seen[0].shape == (1, 3, 60, 90)
    assert np.allclose(seen[0][0, :, 0, 0] * 255, (200, 100, 50))
    assert unwarped.page[0, 0].tolist() == [199, 99, 49]
    assert (unwarped.grid, unwarped.by_grid) == (None, False)


def test_a_grid_as_it_is_sampled_is_taken_too() -> None:
    class WithGrid(CannedRuntime):
        def run_all(self, batch: Tensor, /) -> tuple[Tensor, ...]:
            return batch.copy(), wavy().transpose(1, 2, 0)[None]

    unwarped = Unwarper(WithGrid(lambda batch: batch), takes_page=True).unwarp(bgr(sheet(size=(90, 60))))
    assert unwarped.grid is not None
    assert np.array_equal(unwarped.grid, wavy())


@pytest.mark.parametrize("weights", [b"", b"text", b"\x3a\x05ab", b"\x08", uvdoc.grid_network()[:1000]])
def test_what_is_no_model_is_named(weights: bytes) -> None:
    with pytest.raises(ModelUnavailable, match="unwarping network"):
        with_grid_output(weights)


def test_a_network_that_makes_another_size_is_refused() -> None:
    runtime = CannedRuntime(lambda batch: batch[:, :, :10])
    with pytest.raises(ModelUnavailable, match="use an official UVDoc"):
        Unwarper(runtime, takes_page=True).unwarp(bgr(sheet(size=(90, 60))))
