"""The networks of the pipeline one by one, under PaddleOCR's names: load one, and ask it about pages or crops."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import TracebackType
from typing import ClassVar, Generic, Self, TypeVar

import numpy as np

from ocr_engine.errors import InvalidRequest
from ocr_engine.loading import MODEL_NAME_OPTIONS, ModelLoader
from ocr_engine.model_choice import choose_models
from ocr_engine.module_results import (
    ClassificationResult,
    DetectionResult,
    ModuleResult,
    RecognitionResult,
    UnwarpingResult,
)
from ocr_engine.modules.detection import DetectionSettings, TextDetector
from ocr_engine.modules.doc_orientation import OrientationClassifier
from ocr_engine.modules.line_orientation import LineOrientationClassifier
from ocr_engine.modules.recognition import TextRecognizer
from ocr_engine.modules.unwarping import Unwarper
from ocr_engine.options import EngineOptions, OptionValue
from ocr_engine.page_choice import PageChoice
from ocr_engine.pages import read_pages
from ocr_engine.sources import Source
from ocr_engine.stems import Stems
from ocr_engine.types import Image, Polygon, Scores
from ocr_engine.zoo.files import ModelFiles
from ocr_engine.zoo.registry import Module

# The options of an engine that a network by itself has too.
_COMMON = (
    "device",
    "engine",
    "engine_config",
    "enable_hpi",
    "use_tensorrt",
    "min_subgraph_size",
    "precision",
    "enable_mkldnn",
    "mkldnn_cache_capacity",
    "enable_cinn",
    "cpu_threads",
    "model_cache_dir",
    "model_source",
)
_MAX_BATCH = 64
_DOC_LABELS, _LINE_LABELS = ("0", "90", "180", "270"), ("0_degree", "180_degree")
# What the reference's stand-alone detector does with a page: its seal models in one way, all others in another.
_SEAL = "_seal_"
_LONG_SIDE_PX, _SEAL_SHORT_SIDE_PX = 960, 736
_MAX_SIDE_PX = 4000
# From the published inference.yml of PP-OCRv6; packages leave that file out. Other generations: `_USUAL`.
_PUBLISHED = {
    "PP-OCRv6_medium_det": (0.2, 0.45, 1.4),
    "PP-OCRv6_small_det": (0.2, 0.45, 1.4),
    "PP-OCRv6_tiny_det": (0.2, 0.4, 1.4),
}
_USUAL = (0.3, 0.6, 1.5)

_Network = TypeVar("_Network")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Call:
    """The options of a module or of one call, by the names they have in an engine. `topk`: classes reported."""

    options: EngineOptions
    topk: int | None = None


class StandaloneModule(ABC, Generic[_Network]):
    """One network on one device. A context manager; safe from several threads.

    Options: `model_name`, `model_dir`, those of `EngineOptions` that speak of the runtime, and those of the module.
    model: `name@sha256`.
    """

    module: ClassVar[Module]
    # Its own options by the names they have in an engine: those of a call too, and those that only building takes.
    _own: ClassVar[Mapping[str, str]] = {}
    _own_when_built: ClassVar[Mapping[str, str]] = {}
    _is_classifier: ClassVar[bool] = False
    _kind: ClassVar[type[ModuleResult]] = ClassificationResult

    def __init__(self, **options: OptionValue) -> None:
        """Load the model. Raises: InvalidRequest naming a bad option; DeviceUnavailable; ModelUnavailable."""
        name_option = MODEL_NAME_OPTIONS[self.module]
        model = {"model_name": name_option, "model_dir": name_option.replace("_name", "_dir")}
        known = model | {**self._own, **self._own_when_built} | {name: name for name in _COMMON}
        self._built = self._parsed(options, known)
        loader = ModelLoader(self._built.options)
        files = loader.find({self.module: choose_models(self._built.options)[self.module]})[self.module]
        self.model = files.label
        self._files = files
        self._network: _Network | None = self._open(loader, files)

    def predict(
        self, input: Source | Sequence[Source], batch_size: int = 1, **options: OptionValue
    ) -> list[ModuleResult]:
        """One result for each page or crop of what `OCREngine.predict` accepts.

        `batch_size`: how many go through the network together, where it takes several. The options are those of the
        module, for this call. Raises: EngineError.
        """
        return list(self.predict_iter(input, batch_size, **options))

    def predict_iter(
        self, input: Source | Sequence[Source], batch_size: int = 1, **options: OptionValue
    ) -> Iterator[ModuleResult]:
        """Like `predict`, a batch at a time, as they are asked for."""
        if not 1 <= batch_size <= _MAX_BATCH:
            raise InvalidRequest(f"batch_size={batch_size!r} must be between 1 and {_MAX_BATCH}")
        call = self._parsed(options, self._own)
        pages = read_pages(input, choice=PageChoice(), stems=Stems())
        while batch := list(islice(pages, batch_size)):
            if self._network is None:
                raise InvalidRequest("the module is closed; build a new one")
            found = self._run(self._network, [page for page, _ in batch], call)
            for (page, origin), fields in zip(batch, found, strict=True):
                place: dict[str, object] = {"input_path": origin.input_path, "page_index": origin.page_index}
                yield self._kind(place | fields, page=page, stem=origin.stem)

    def close(self) -> None:
        """Free the model. Safe to call twice; afterwards `predict*` raises InvalidRequest."""
        self._network = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _open(self, loader: ModelLoader, files: ModelFiles) -> _Network:
        """Load the network."""

    @abstractmethod
    def _run(self, network: _Network, pages: Sequence[Image], call: _Call) -> list[dict[str, object]]:
        """The fields of each page's result."""

    def _parsed(self, options: Mapping[str, OptionValue], known: Mapping[str, str]) -> _Call:
        named = dict(options)
        topk = named.pop("topk", None) if self._is_classifier else None
        if topk is not None and (isinstance(topk, bool) or not isinstance(topk, int) or topk < 1):
            raise InvalidRequest(f"topk={topk!r} must be a whole number of at least 1")
        for name in named:
            if name not in known:
                topk_too = ["topk"] if self._is_classifier else []
                raise InvalidRequest(f"unknown option {name!r}; known are {', '.join([*known, *topk_too])}")
        return _Call(options=EngineOptions.parse({known[name]: value for name, value in named.items()}), topk=topk)

    def _top(self, scores: Scores, labels: Sequence[str], call: _Call) -> dict[str, object]:
        """The likeliest classes of one page; one, unless more were asked for."""
        best = np.argsort(-scores, kind="stable")[: call.topk or self._built.topk or 1]
        return {
            "class_ids": best.astype(np.int32),
            "scores": np.around(scores[best], decimals=5),
            "label_names": [labels[one] for one in best],
        }


class DocImgOrientationClassification(StandaloneModule[OrientationClassifier]):
    """Which way pages are turned. `topk`: how many of the four angles are reported."""

    module = Module.DOC_ORIENTATION
    _is_classifier = True

    def _open(self, loader: ModelLoader, files: ModelFiles) -> OrientationClassifier:
        return OrientationClassifier(loader.open(files))

    def _run(self, network: OrientationClassifier, pages: Sequence[Image], call: _Call) -> list[dict[str, object]]:
        return [self._top(network.scores(page), _DOC_LABELS, call) for page in pages]


class TextLineOrientationClassification(StandaloneModule[LineOrientationClassifier]):
    """Which crops of lines are upside down. `topk`: how many of the two classes are reported."""

    module = Module.TEXTLINE_ORIENTATION
    _is_classifier = True

    def _open(self, loader: ModelLoader, files: ModelFiles) -> LineOrientationClassifier:
        return LineOrientationClassifier(loader.open(files), name=files.name, batch_size=_MAX_BATCH)

    def _run(self, network: LineOrientationClassifier, pages: Sequence[Image], call: _Call) -> list[dict[str, object]]:
        return [self._top(scores, _LINE_LABELS, call) for scores in network.scores(pages)]


class TextImageUnwarping(StandaloneModule[Unwarper]):
    """Curved pages made flat."""

    module = Module.DOC_UNWARPING
    _kind = UnwarpingResult

    def _open(self, loader: ModelLoader, files: ModelFiles) -> Unwarper:
        return loader.open_unwarper(files)

    def _run(self, network: Unwarper, pages: Sequence[Image], call: _Call) -> list[dict[str, object]]:
        return [{"doctr_img": network.unwarp(page).page} for page in pages]


class TextDetection(StandaloneModule[TextDetector]):
    """Where the lines of pages are.

    Unlike in the pipeline, the thresholds are those the model was published with, and a page whose long side is over
    960 pixels is shrunk. `limit_side_len`, `limit_type`, `max_side_limit`, `thresh`, `box_thresh`, `unclip_ratio` and
    `input_shape` (when built) are an engine's `text_det_*`.
    """

    module = Module.TEXT_DETECTION
    _kind = DetectionResult
    _own: ClassVar[Mapping[str, str]] = {
        name: f"text_det_{name}"
        for name in ("limit_side_len", "limit_type", "max_side_limit", "thresh", "box_thresh", "unclip_ratio")
    }
    _own_when_built: ClassVar[Mapping[str, str]] = {"input_shape": "text_det_input_shape"}

    def _open(self, loader: ModelLoader, files: ModelFiles) -> TextDetector:
        return TextDetector(loader.open(files), max_candidates=files.max_candidates)

    def _run(self, network: TextDetector, pages: Sequence[Image], call: _Call) -> list[dict[str, object]]:
        # Pages differ in size, and the network takes one size at a time.
        settings = self._settings(call.options)
        return [_polygons(network.detect_scored(page, settings)) for page in pages]

    def _settings(self, call: EngineOptions) -> DetectionSettings:
        published = settings_of(self._files)
        given = {
            name: value
            for options in (self._built.options, call)
            for name, place in self._own.items()
            if (value := getattr(options, place)) is not None
        }
        shape = self._built.options.text_det_input_shape
        return replace(published, **given, input_shape=tuple(shape) if shape else None)


class TextRecognition(StandaloneModule[TextRecognizer]):
    """What crops of lines say. `input_shape`, when built, is an engine's `text_rec_input_shape`."""

    module = Module.TEXT_RECOGNITION
    _kind = RecognitionResult
    _own_when_built: ClassVar[Mapping[str, str]] = {"input_shape": "text_rec_input_shape"}

    def _open(self, loader: ModelLoader, files: ModelFiles) -> TextRecognizer:
        return loader.open_recognizer(files, batch_size=_MAX_BATCH)

    def _run(self, network: TextRecognizer, pages: Sequence[Image], call: _Call) -> list[dict[str, object]]:
        return [{"rec_text": read.text, "rec_score": read.score} for read in network.recognize(pages)]


def settings_of(files: ModelFiles) -> DetectionSettings:
    """What a detector does by itself: as its inference.yml says, else as that of its generation does."""
    usual = _PUBLISHED.get(files.name, _USUAL)
    found = files.config.detection
    said = (found.thresh, found.box_thresh, found.unclip_ratio) if found else (None, None, None)
    thresh, box_thresh, unclip_ratio = (
        own if own is not None else known for own, known in zip(said, usual, strict=True)
    )
    resize = files.config.operation("DetResizeForTest")
    is_seal = _SEAL in files.name
    long_side = resize.numbers.get("resize_long") if resize else None
    return DetectionSettings(
        limit_side_len=int(long_side[0]) if long_side else _SEAL_SHORT_SIDE_PX if is_seal else _LONG_SIDE_PX,
        limit_type="min" if is_seal else "max",
        thresh=thresh,
        max_side_limit=_MAX_SIDE_PX,
        box_thresh=box_thresh,
        unclip_ratio=unclip_ratio,
    )


def _polygons(found: Sequence[tuple[Polygon, float]]) -> dict[str, object]:
    polygons = [polygon for polygon, _ in found]
    return {
        "dt_polys": np.array(polygons, dtype=np.int16).reshape(-1, 4, 2),
        "dt_scores": [score for _, score in found],
    }
