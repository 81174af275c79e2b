"""PaddleOCR's General OCR pipeline as a library: pixels in, pages out."""

from ocr_engine.document import Document, DocumentLimits, open_document
from ocr_engine.engine import OCREngine
from ocr_engine.errors import (
    DeviceUnavailable,
    DocumentError,
    EmptyDocument,
    EncryptedDocument,
    EngineError,
    InternalError,
    InvalidRequest,
    ModelUnavailable,
    OutOfMemory,
    PageTooLarge,
    SourceNotFound,
    SourceUnreachable,
    TooLarge,
    TooManyPages,
    UnreadableDocument,
    UnsupportedMedia,
)
from ocr_engine.media import MediaType
from ocr_engine.module_results import ModuleResult
from ocr_engine.options import EngineOptions, PredictOptions
from ocr_engine.results import OCRResult
from ocr_engine.standalone import (
    DocImgOrientationClassification,
    TextDetection,
    TextImageUnwarping,
    TextLineOrientationClassification,
    TextRecognition,
)

__all__ = [
    "DeviceUnavailable",
    "DocImgOrientationClassification",
    "Document",
    "DocumentError",
    "DocumentLimits",
    "EmptyDocument",
    "EncryptedDocument",
    "EngineError",
    "EngineOptions",
    "InternalError",
    "InvalidRequest",
    "MediaType",
    "ModelUnavailable",
    "ModuleResult",
    "OCREngine",
    "OCRResult",
    "OutOfMemory",
    "PageTooLarge",
    "PredictOptions",
    "SourceNotFound",
    "SourceUnreachable",
    "TextDetection",
    "TextImageUnwarping",
    "TextLineOrientationClassification",
    "TextRecognition",
    "TooLarge",
    "TooManyPages",
    "UnreadableDocument",
    "UnsupportedMedia",
    "open_document",
]
