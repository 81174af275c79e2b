"""The OCR engine: loads the models once and reads pages and documents with them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from ocr_engine.crew import Crew
from ocr_engine.device import parse_device
from ocr_engine.errors import InvalidRequest
from ocr_engine.loading import MODEL_NAME_OPTIONS, ModelLoader
from ocr_engine.lookahead import one_ahead
from ocr_engine.model_choice import QUICK_DETECTION, choose_models, used_models
from ocr_engine.modules.batch_reader import BatchReader
from ocr_engine.modules.cascade import Detector, DetectorCascade, redo_from
from ocr_engine.modules.detection import TextDetector
from ocr_engine.modules.doc_orientation import OrientationClassifier
from ocr_engine.modules.line_orientation import LineOrientationClassifier
from ocr_engine.modules.line_reader import LineReader
from ocr_engine.options import DEFAULT_PROFILE, EngineOptions, OptionValue, PredictOptions
from ocr_engine.paddlex_config import write_config
from ocr_engine.page_choice import PageChoice
from ocr_engine.pages import read_pages
from ocr_engine.pipeline import PageReader, Pipeline
from ocr_engine.profiles import PageSettings, effort_of, profile_of, resolved_options, settings_for
from ocr_engine.results import OCRResult, PageOrigin
from ocr_engine.runtimes.plan import PADDLEX
from ocr_engine.sources import Source, check_page
from ocr_engine.stems import Stems
from ocr_engine.text_layer import TextLayer
from ocr_engine.types import Image
from ocr_engine.zoo.files import ModelFiles
from ocr_engine.zoo.registry import Model, Module


class OCREngine:
    """PaddleOCR's General OCR pipeline on one device. A context manager.

    Build it in the process that uses it, after any fork. `predict*` may be called from several threads; they share
    the engine's threads, so one page at a time is as fast. The options are the fields of `EngineOptions`.

    profile, device: the names of what reads the pages. runtime: the library and what it computes in, `openvino bf16`.
    models: module to `name@sha256`; `quick_text_detection` is the detector that looks at a page first.
    """

    def __init__(self, **options: OptionValue) -> None:
        """Load the models. Beside the options, `paddlex_config`: a pipeline's YAML file, or what it would hold.

        Raises: InvalidRequest naming a bad option; DeviceUnavailable; ModelUnavailable.
        """
        self._options = EngineOptions.parse(options)
        self.profile = self._options.profile or DEFAULT_PROFILE
        loader = ModelLoader(self._options, exact=profile_of(self._options).exact)
        self._crew = Crew(loader.plan.threads)
        self.device = str(loader.plan.device)
        self._chosen: dict[Module, Model] = {}
        self._pipeline: PageReader | None = self._load(loader)
        self.runtime = f"{loader.plan.name} {loader.precision}".strip()
        self.models: dict[str, str] = dict(loader.labels)

    def warm_up(self) -> None:
        """Run every network once, so that the first page is not slower than the others."""
        self._open_pipeline().warm_up(settings_for(self._options, PredictOptions()))

    def predict(
        self,
        input: Source | Sequence[Source],
        *,
        pages: str | int | Sequence[int] | None = None,
        **options: OptionValue,
    ) -> list[OCRResult]:
        """Read every page of a file, folder, web address, bytes, array (H, W, 3) BGR, or a list of those.

        pages: which of each document, `"1-3,7"` or numbers from 1; None: all. An array is one page, and is read.

        The options are the fields of `PredictOptions`; `device` is accepted when it is the engine's; `text_layer` tells
        what becomes of a PDF's own text, "ignore" (the default), "auto" or "only": see `TextLayer`. A document that
        cannot be read raises, it never gives an empty list. Long documents: use `predict_iter`, which holds one page
        at a time. Raises: EngineError.
        """
        return list(self.predict_iter(input, pages=pages, stems=None, **options))

    def predict_iter(
        self,
        input: Source | Sequence[Source],
        *,
        pages: str | int | Sequence[int] | None = None,
        stems: Stems | None = None,
        **options: OptionValue,
    ) -> Iterator[OCRResult]:
        """Like `predict`, a page at a time, as they are asked for. `stems`: names that earlier calls of a run took.

        An engine of several threads searches the next page while the lines of this one are read: it holds two.
        """
        device = options.pop("device", None)
        if device is not None and str(parse_device(str(device))) != self.device:
            raise InvalidRequest(f"device={device!r}: this engine is on {self.device}; build another for that device")
        layer = TextLayer.parse(options.pop("text_layer", None))
        call = PredictOptions.parse(options)
        found = read_pages(input, choice=PageChoice.parse(pages), stems=stems or Stems(), text_layer=layer)
        work = partial(self._begin, call=call)
        begun = one_ahead(found, work) if self._crew.size > 1 else map(work, found)
        yield from (finish() for finish in begun)

    def ocr(self, img: Source | Sequence[Source], **options: OptionValue) -> list[OCRResult]:
        """The 2.x name of `predict`, which warns."""
        warnings.warn("ocr() is the 2.x name of predict(); use that", DeprecationWarning, stacklevel=2)
        return self.predict(img, pages=None, **options)

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
        origin = PageOrigin(input_path=input_path, page_index=page_index)
        return self._begin((image, origin), call=options)()

    def export_paddlex_config_to_yaml(self, yaml_path: str | Path) -> None:
        """Write what this engine is as a configuration that PaddleX and `paddlex_config` read. Raises: OSError."""
        models = {MODEL_NAME_OPTIONS[module]: model.name for module, model in self._chosen.items()}
        write_config(yaml_path, resolved_options(self._options) | models)

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

    def _begin(self, page: tuple[Image, PageOrigin], *, call: PredictOptions | None) -> Callable[[], OCRResult]:
        image, origin = page
        settings = settings_for(self._options, call or PredictOptions())
        return self._open_pipeline().begin(check_page(image), settings, origin)

    def _open_pipeline(self) -> PageReader:
        if self._pipeline is None:
            raise InvalidRequest("the engine is closed; build a new one")
        return self._pipeline

    def _load(self, loader: ModelLoader) -> PageReader:
        if self._options.effort is not None and not self._may_squeeze(loader):
            raise InvalidRequest(
                f"effort={self._options.effort} is for profile='default' on the CPU, without "
                "text_recognition_batch_size and text_rec_input_shape"
            )
        settings = settings_for(self._options, PredictOptions())
        self._chosen = choose_models(self._options)
        models = used_models(self._options, self._chosen)
        if loader.plan.name == PADDLEX:  # refuses it, and says why
            models.pop(Module.DOC_UNWARPING, None)
        if not self._may_squeeze(loader):
            models.pop(QUICK_DETECTION, None)
        files = loader.find(models)
        if loader.plan.name == PADDLEX:
            return self._load_paddlex(loader, settings, files)
        return self._load_ours(loader, settings, files)

    def _load_paddlex(self, loader: ModelLoader, settings: PageSettings, files: Mapping[str, ModelFiles]) -> PageReader:
        from ocr_engine.paddlex import PaddleXPipeline

        batches: dict[str, int] = {
            Module.TEXTLINE_ORIENTATION: self._orientation_batch_size,
            Module.TEXT_RECOGNITION: self._recognition_batch_size,
        }
        return PaddleXPipeline(loader.plan, settings, files, batches)

    def _load_ours(self, loader: ModelLoader, settings: PageSettings, files: Mapping[str, ModelFiles]) -> PageReader:
        orientation = unwarper = classifier = None
        if settings.use_doc_orientation:
            orientation = OrientationClassifier(loader.open(files[Module.DOC_ORIENTATION]))
        if settings.use_doc_unwarping:
            unwarper = loader.open_unwarper(files[Module.DOC_UNWARPING])
        if settings.use_textline_orientation:
            classifier = LineOrientationClassifier(
                loader.open(files[Module.TEXTLINE_ORIENTATION]),
                name=self._chosen[Module.TEXTLINE_ORIENTATION].name,
                batch_size=self._orientation_batch_size,
                first_decides=profile_of(self._options).first_line_decides,
            )
        return Pipeline(
            orientation=orientation,
            unwarper=unwarper,
            detector=self._detector(loader, files),
            reader=self._line_reader(loader, files[Module.TEXT_RECOGNITION], classifier),
            exact=profile_of(self._options).exact,
        )

    def _detector(self, loader: ModelLoader, files: Mapping[str, ModelFiles]) -> Detector:
        def opened(use: str) -> TextDetector:
            return TextDetector(
                loader.open(files[use]),
                max_candidates=files[use].max_candidates,
                exact=profile_of(self._options).exact,
            )

        careful = opened(Module.TEXT_DETECTION)
        if QUICK_DETECTION not in files:
            return careful
        return DetectorCascade(opened(QUICK_DETECTION), careful, redo_from=redo_from(effort_of(self._options)))

    def _line_reader(
        self, loader: ModelLoader, files: ModelFiles, classifier: LineOrientationClassifier | None
    ) -> LineReader:
        if self._may_squeeze(loader):
            return loader.open_squeeze_reader(
                files, effort=effort_of(self._options), crew=self._crew, classifier=classifier
            )
        recognizer = loader.open_recognizer(files, batch_size=self._recognition_batch_size, crew=self._crew)
        return BatchReader(recognizer, classifier)

    def _may_squeeze(self, loader: ModelLoader) -> bool:
        """An accelerator wants batches, and so does whoever says how large they are or which shape lines have."""
        options = self._options
        free = options.text_recognition_batch_size is None and options.text_rec_input_shape is None
        ours = not profile_of(options).exact and loader.plan.name != PADDLEX
        return free and ours and loader.plan.device.kind == "cpu"

    @property
    def _orientation_batch_size(self) -> int:
        return self._options.textline_orientation_batch_size or profile_of(self._options).orientation_batch_size

    @property
    def _recognition_batch_size(self) -> int:
        return self._options.text_recognition_batch_size or profile_of(self._options).recognition_batch_size
