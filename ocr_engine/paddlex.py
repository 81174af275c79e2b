"""PaddleX's own OCR pipeline behind our options and results: `engine="paddlex"`. The only importer of paddlex.

It runs unchanged, so it is what ours is compared with, and the way to devices that only PaddleX serves. Run on CPUs, on
Paddle and on ONNX Runtime; every other device is handed over by name: not run on hardware.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np

from ocr_engine.errors import InternalError, InvalidRequest, ModelUnavailable, OutOfMemory, is_no_memory
from ocr_engine.pipeline import own_result, require_module
from ocr_engine.profiles import PageSettings
from ocr_engine.results import OCRResult, PageOrigin
from ocr_engine.runtimes.plan import ONNXRUNTIME, RuntimePlan
from ocr_engine.types import Angle, Image, Line, PageReading, Reading
from ocr_engine.zoo.files import ModelFiles
from ocr_engine.zoo.layout import paddlex_folder
from ocr_engine.zoo.registry import Format, Module
from ocr_engine.zoo.resolve import PADDLE as PADDLE_FORMATS

# Any: the library's configuration and results, which have no types.
_Config: TypeAlias = dict[str, Any]

_ENGINES = ("paddle", "paddle_static", ONNXRUNTIME)
_SECTIONS: Mapping[str, tuple[str, ...]] = {
    Module.DOC_ORIENTATION: ("SubPipelines", "DocPreprocessor", "SubModules", "DocOrientationClassify"),
    Module.TEXT_DETECTION: ("SubModules", "TextDetection"),
    Module.TEXTLINE_ORIENTATION: ("SubModules", "TextLineOrientation"),
    Module.TEXT_RECOGNITION: ("SubModules", "TextRecognition"),
}
_ANGLES: Mapping[int, Angle] = {0: 0, 90: 90, 180: 180, 270: 270}
# Read by the library when it is imported: the models' folders are given, so no host need be asked whether it is there.
_ENVIRONMENT = {"PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "True"}
# What the library raises on files, options and devices that it does not take.
_LIBRARY_ERRORS = (RuntimeError, ValueError, TypeError, KeyError, OSError, AssertionError, ImportError)


def formats_of(plan: RuntimePlan) -> tuple[Format, ...]:
    """The formats that PaddleX's engine reads; asked for before any model is looked for.

    Raises: InvalidRequest: it has no such engine, or not on this device; DeviceUnavailable: the device is not there.
    """
    engine = _engine_of(plan)
    if engine == ONNXRUNTIME and plan.device.kind not in ("cpu", "gpu"):
        raise InvalidRequest(f"engine_config: PaddleX's engine={engine!r} does not serve {plan.device}; use 'paddle'")
    _check_device(plan)
    return (Format.ONNX,) if engine == ONNXRUNTIME else PADDLE_FORMATS


class PaddleXPipeline:
    """The pipeline with its models loaded. It is not safe from several threads: `run` takes them one at a time."""

    def __init__(
        self,
        plan: RuntimePlan,
        settings: PageSettings,
        files: Mapping[str, ModelFiles],
        batches: Mapping[str, int],
    ) -> None:
        """`settings`: which modules are built; `files`: those of each, in one of `formats_of`.

        Raises: ModelUnavailable: PaddleX is not installed, or cannot load a model; DeviceUnavailable;
        InvalidRequest: an option that it has no counterpart of.
        """
        if settings.use_doc_unwarping:
            raise InvalidRequest(
                "engine='paddlex' does not say where a line of a flattened page was on the page as given; "
                "set use_doc_unwarping=False, or choose another engine"
            )
        self._lock = threading.Lock()
        self._built = settings
        library = _import_paddlex()
        with TemporaryDirectory(prefix="ocrfleet-models-") as folder:
            config = _config(library, settings, _folders(files, Path(folder)), batches)
            try:
                self._pipeline = library.create_pipeline(
                    config=config,
                    device=str(plan.device),
                    engine=plan.config.get("engine"),
                    engine_config=_engine_config(plan),
                    use_hpip=plan.enable_hpi,
                )
            except _LIBRARY_ERRORS as error:
                raise ModelUnavailable(f"PaddleX cannot start on {plan.device}: {_one_line(error)}") from error

    def begin(self, page: Image, settings: PageSettings, origin: PageOrigin) -> Callable[[], OCRResult]:
        """What is returned reads the page (H, W, 3) BGR: PaddleX does all at once."""
        return partial(own_result if origin.own_lines is not None else self._run, page, settings, origin)

    def warm_up(self, settings: PageSettings) -> None:
        """Run the networks that a blank page reaches."""
        self._run(np.full((640, 480, 3), 255, dtype=np.uint8), settings, PageOrigin())

    def _run(self, page: Image, settings: PageSettings, origin: PageOrigin) -> OCRResult:
        """Raises: InvalidRequest, OutOfMemory, InternalError."""
        require_module(self._built.use_doc_orientation, settings.use_doc_orientation, "use_doc_orientation_classify")
        require_module(self._built.use_doc_unwarping, settings.use_doc_unwarping, "use_doc_unwarping")
        require_module(
            self._built.use_textline_orientation, settings.use_textline_orientation, "use_textline_orientation"
        )
        start = time.perf_counter()
        try:
            with self._lock:
                (raw,) = self._pipeline.predict(page, **_call(settings))
        except (MemoryError, *_LIBRARY_ERRORS) as error:
            if is_no_memory(error):
                raise OutOfMemory from error
            raise InternalError(f"PaddleX failed on a page of {page.shape}: {_one_line(error)}") from error
        timings_ms = {**origin.timings_ms, "paddlex": (time.perf_counter() - start) * 1000.0}
        return _result(raw, page, origin, timings_ms)


def _check_device(plan: RuntimePlan) -> None:
    """Left alone, PaddleX takes the CPU where a device is missing."""
    if _engine_of(plan) == ONNXRUNTIME:
        from ocr_engine.runtimes.onnx import check_device
    else:
        from ocr_engine.runtimes.paddle import check_device
    check_device(plan)


def _import_paddlex() -> Any:
    os.environ.update(_ENVIRONMENT)
    try:
        import paddlex.inference
    except ImportError as error:
        raise ModelUnavailable(f"engine='paddlex': {error}; run pip install 'ocrfleet[paddle]'") from error
    return paddlex.inference


def _engine_of(plan: RuntimePlan) -> str:
    engine = str(plan.config.get("engine", "paddle"))
    if engine not in _ENGINES:
        raise InvalidRequest(f"engine_config: PaddleX is run with engine={engine!r}; use {', '.join(_ENGINES)}")
    return engine


def _engine_config(plan: RuntimePlan) -> _Config:
    """What PaddleOCR would hand to PaddleX for our options; `engine_config` of your own replaces it."""
    given = plan.config.get("engine_config")
    if isinstance(given, Mapping):
        return dict(given)
    if _engine_of(plan) == ONNXRUNTIME:
        return {"intra_op_num_threads": plan.threads}
    config: _Config = {"enable_cinn": plan.enable_cinn}
    if plan.device.kind == "cpu":
        config["cpu_threads"] = plan.threads
        if plan.enable_mkldnn:
            config |= {"run_mode": "mkldnn", "mkldnn_cache_capacity": plan.mkldnn_cache_capacity}
        else:
            config["run_mode"] = "paddle"
    elif plan.use_tensorrt:
        config["run_mode"] = "trt_fp16" if plan.fp16 else "trt_fp32"
    else:
        config["run_mode"] = "paddle"
    return config if plan.config.get("engine") == "paddle_static" else {"paddle_static": config}


def _folders(files: Mapping[str, ModelFiles], parent: Path) -> Mapping[str, tuple[str, Path]]:
    """Name and folder of every model that is used."""
    return {module: (found.name, paddlex_folder(found, parent)) for module, found in files.items()}


def _config(
    library: Any, settings: PageSettings, folders: Mapping[str, tuple[str, Path]], batches: Mapping[str, int]
) -> _Config:
    """PaddleX's own OCR.yaml with our models and modules. The thresholds come with every call."""
    config: _Config = library.load_pipeline_config("OCR")
    config["use_doc_preprocessor"] = settings.use_doc_orientation
    config["use_textline_orientation"] = settings.use_textline_orientation
    config["SubPipelines"]["DocPreprocessor"] |= {
        "use_doc_orientation_classify": settings.use_doc_orientation,
        "use_doc_unwarping": False,
    }
    for module, (name, folder) in folders.items():
        section = config
        for key in _SECTIONS[module]:
            section = section[key]
        section |= {"model_name": name, "model_dir": str(folder)}
        if module in batches:
            section["batch_size"] = batches[module]
    return config


def _call(settings: PageSettings) -> Mapping[str, object]:
    detection = settings.detection
    return {
        "use_doc_orientation_classify": settings.use_doc_orientation,
        "use_doc_unwarping": False,
        "use_textline_orientation": settings.use_textline_orientation,
        "text_det_limit_side_len": detection.limit_side_len,
        "text_det_limit_type": detection.limit_type,
        "text_det_max_side_limit": detection.max_side_limit,
        "text_det_thresh": detection.thresh,
        "text_det_box_thresh": detection.box_thresh,
        "text_det_unclip_ratio": detection.unclip_ratio,
        "text_rec_score_thresh": settings.rec_score_thresh,
        "return_word_box": settings.return_word_box,
    }


def _result(raw: Any, page: Image, origin: PageOrigin, timings_ms: dict[str, float]) -> OCRResult:
    """Our result with PaddleX's fields, in its order."""
    plain = raw.json["res"]
    preprocessing = plain.get("doc_preprocessor_res")
    fields = {name: raw[name] for name in plain} | {"input_path": origin.input_path, "page_index": origin.page_index}
    if preprocessing is not None:
        fields["doc_preprocessor_res"] = preprocessing
    lines = zip(raw["rec_polys"], raw["rec_texts"], raw["rec_scores"], strict=True)
    reading = PageReading(
        angle=None if preprocessing is None else _ANGLES.get(preprocessing["angle"]),
        polygons=tuple(raw["dt_polys"]),
        lines=tuple(Line(polygon=p, reading=Reading(text=text, score=score)) for p, text, score in lines),
        timings_ms=timings_ms,
    )
    return OCRResult(fields, page=page, reading=reading, text_word_region=raw.get("text_word_region", ()))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__
