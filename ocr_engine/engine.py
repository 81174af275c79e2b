"""The OCR engine: loads the models once and reads pages and documents with them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from ocr_engine.crew import Crew
from ocr_engine.document import Document, open_document
from ocr_engine.errors import InvalidRequest
from ocr_engine.modules.batch_reader import BatchReader
from ocr_engine.modules.ctc import Alphabet, check_classes
from ocr_engine.modules.detection import TextDetector
from ocr_engine.modules.doc_orientation import OrientationClassifier
from ocr_engine.modules.line_orientation import LineOrientationClassifier
from ocr_engine.modules.line_reader import LineReader
from ocr_engine.modules.recognition import TextRecognizer
from ocr_engine.modules.squeeze import rule_of
from ocr_engine.modules.squeeze_reader import SqueezeReader
from ocr_engine.modules.unwarping import Unwarper
from ocr_engine.options import DEFAULT_PROFILE, EngineOptions, OptionValue, PredictOptions
from ocr_engine.pipeline import PageReader, Pipeline
from ocr_engine.profiles import PageSettings, profile_of, settings_for
from ocr_engine.results import OCRResult, PageOrigin
from ocr_engine.runtimes import Runtime
from ocr_engine.runtimes.plan import PADDLE, PADDLEX, plan_runtime
from ocr_engine.runtimes.select import open_onnx, open_paddle
from ocr_engine.sources import Source, check_page, expand
from ocr_engine.types import Image
from ocr_engine.zoo.files import ModelFiles
from ocr_engine.zoo.registry import Format, Module, find
from ocr_engine.zoo.resolve import PADDLE as PADDLE_FORMATS
from ocr_engine.zoo.resolve import Zoo

# See docs/performance.md: the smallest effort that loses nothing against reading every line at its natural width.
_DEFAULT_EFFORT = 0.5


class OCREngine:
    """PaddleOCR's General OCR pipeline on one device. A context manager.

    Build it in the process that uses it, after any fork. `predict*` may be called from several threads; they share
    the engine's threads, so one page at a time is as fast. The options are the fields of `EngineOptions`.

    profile, device: the names of what reads the pages. runtime: the library and what it computes in, `openvino bf16`.
    models: module to `name@sha256`.
    """

    def __init__(self, **options: OptionValue) -> None:
        """Load the models. Raises: InvalidRequest naming a bad option; DeviceUnavailable; ModelUnavailable."""
        self._options = EngineOptions.parse(options)
        self.profile = self._options.profile or DEFAULT_PROFILE
        self.models: dict[str, str] = {}
        threads = self._options.cpu_threads or _allowed_cpus()
        self._plan = plan_runtime(self._options, threads=threads, exact=profile_of(self._options).exact)
        self.device = str(self._plan.device)
        # OpenCV would otherwise use every core of the machine, whatever this process may have.
        cv2.setNumThreads(threads)
        self.runtime = self._plan.name
        self._crew = Crew(threads)
        self._pipeline: PageReader | None = self._load()

    def warm_up(self) -> None:
        """Run every network once, so that the first page is not slower than the others."""
        self._open_pipeline().warm_up(settings_for(self._options, PredictOptions()))

    def predict(self, input: Source | Sequence[Source], **options: OptionValue) -> list[OCRResult]:
        """Read every page of a file, folder, bytes, array (H, W, 3) BGR, or a list of those.

        The options are the fields of `PredictOptions`. A document that cannot be read raises, it never gives an empty
        list. Long documents: use `predict_iter`, which holds one page at a time. Raises: EngineError.
        """
        return list(self.predict_iter(input, **options))

    def predict_iter(self, input: Source | Sequence[Source], **options: OptionValue) -> Iterator[OCRResult]:
        """Like `predict`, a page at a time, as they are asked for."""
        call = PredictOptions.parse(options)
        for source in expand(input):
            if isinstance(source, Path | bytes):
                with open_document(source) as document:
                    yield from self._read_document(document, source, call)
            else:
                yield self.predict_page(source, options=call)

    def predict_page(
        self,
        image: Image,
        *,
        input_path: str | None = None,
        page_index: int | None = None,
        options: PredictOptions | None = None,
    ) -> OCRResult:
        """Read one page (H, W, 3) uint8 BGR. The result keeps a reference to `image` for its drawings.

        Raises: InvalidRequest, PageTooLarge, OutOfMemory (retryable), InternalError.
        """
        return self._read_page(image, PageOrigin(input_path=input_path, page_index=page_index), options)

    def close(self) -> None:
        """Free the models. Safe to call twice; afterwards `predict*` raises InvalidRequest."""
        self._pipeline = None
        self._crew.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_document(self, document: Document, source: Path | bytes, call: PredictOptions) -> Iterator[OCRResult]:
        for index in range(document.page_count):
            start = time.perf_counter()
            image = document.page_image(index)
            origin = PageOrigin(
                input_path=str(source) if isinstance(source, Path) else None,
                page_index=document.page_index(index),
                timings_ms={"decode": (time.perf_counter() - start) * 1000.0},
            )
            yield self._read_page(image, origin, call)

    def _read_page(self, image: Image, origin: PageOrigin, call: PredictOptions | None) -> OCRResult:
        settings = settings_for(self._options, call or PredictOptions())
        return self._open_pipeline().run(check_page(image), settings, origin)

    def _open_pipeline(self) -> PageReader:
        if self._pipeline is None:
            raise InvalidRequest("the engine is closed; build a new one")
        return self._pipeline

    def _load(self) -> PageReader:
        for module in Module:
            find(module, self._options.model_of(module)[0])  # a wrong name is an error, also when it is not used
        if self._options.effort is not None and not self._may_squeeze:
            raise InvalidRequest(
                f"effort={self._options.effort} is for profile='default' on the CPU without text_recognition_batch_size"
            )
        settings = settings_for(self._options, PredictOptions())
        return self._load_paddlex(settings) if self._plan.name == PADDLEX else self._load_ours(settings)

    def _load_paddlex(self, settings: PageSettings) -> PageReader:
        from ocr_engine.paddlex import PaddleXPipeline, formats_of

        formats = formats_of(self._plan)
        batches = {
            Module.TEXTLINE_ORIENTATION: self._orientation_batch_size,
            Module.TEXT_RECOGNITION: self._recognition_batch_size,
        }
        return PaddleXPipeline(self._plan, settings, lambda module: self._find(module, formats), batches)

    def _load_ours(self, settings: PageSettings) -> PageReader:
        orientation = unwarper = None
        if settings.use_doc_orientation:
            orientation = OrientationClassifier(self._runtime(Module.DOC_ORIENTATION))
        if settings.use_doc_unwarping:
            unwarper = Unwarper(self._runtime(Module.DOC_UNWARPING))
        classifier = self._line_classifier() if settings.use_textline_orientation else None
        detector = TextDetector(self._runtime(Module.TEXT_DETECTION))
        reader = self._line_reader(classifier)
        return Pipeline(orientation=orientation, unwarper=unwarper, detector=detector, reader=reader)

    def _line_classifier(self) -> LineOrientationClassifier:
        return LineOrientationClassifier(
            self._runtime(Module.TEXTLINE_ORIENTATION),
            name=find(Module.TEXTLINE_ORIENTATION, self._options.textline_orientation_model_name).name,
            batch_size=self._orientation_batch_size,
            first_decides=profile_of(self._options).first_line_decides,
        )

    def _line_reader(self, classifier: LineOrientationClassifier | None) -> LineReader:
        files = self._find(Module.TEXT_RECOGNITION)
        runtime = self._open(files, streams=self._plan.threads)
        self.runtime = f"{self._plan.name} {runtime.precision}"
        alphabet = _alphabet(runtime.metadata, files)
        check_classes(runtime.run(np.zeros((1, 3, 48, 32), dtype=np.float32)).shape[2], alphabet)
        if self._may_squeeze:
            rule = rule_of(_DEFAULT_EFFORT if self._options.effort is None else self._options.effort)
            return SqueezeReader(runtime, alphabet, rule=rule, crew=self._crew, classifier=classifier)
        recognizer = TextRecognizer(runtime, alphabet, batch_size=self._recognition_batch_size, crew=self._crew)
        return BatchReader(recognizer, classifier)

    @property
    def _may_squeeze(self) -> bool:
        """An accelerator wants batches, and so does whoever says how large they are."""
        free = not profile_of(self._options).exact and self._plan.device.kind == "cpu" and self._plan.name != PADDLEX
        return free and self._options.text_recognition_batch_size is None

    @property
    def _orientation_batch_size(self) -> int:
        return self._options.textline_orientation_batch_size or profile_of(self._options).orientation_batch_size

    @property
    def _recognition_batch_size(self) -> int:
        return self._options.text_recognition_batch_size or profile_of(self._options).recognition_batch_size

    def _runtime(self, module: Module) -> Runtime:
        return self._open(self._find(module))

    def _find(self, module: Module, formats: Sequence[Format] = ()) -> ModelFiles:
        """A module's files, in a format that the runtime reads unless others are asked for."""
        name, directory = self._options.model_of(module)
        zoo = Zoo.at(self._options.model_cache_dir, self._options.model_source)
        formats = formats or (PADDLE_FORMATS if self._plan.name == PADDLE else (Format.ONNX,))
        files = zoo.resolve(find(module, name), directory=directory, formats=formats)
        self.models[module.value] = files.label
        return files

    def _open(self, files: ModelFiles, *, streams: int = 1) -> Runtime:
        plan = replace(self._plan, streams=streams)
        if files.params is not None:
            return open_paddle(plan, files.model, files.params)
        return open_onnx(plan, files.read().content)


def _alphabet(metadata: Mapping[str, str], files: ModelFiles) -> Alphabet:
    """The dictionary in the weights, else the one in the files beside them."""
    if "character" not in metadata and files.config.characters is not None:
        metadata = {"character": "\n".join(files.config.characters) + "\n"}
    return Alphabet.of(metadata)


def _allowed_cpus() -> int:
    """The processors that this process may use; only Linux can tell them from those of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
