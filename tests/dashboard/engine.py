"""A quick engine whose pages are hostile: the text that it reads is markup and script.

OCRFLEET_WORKER_ENGINE=tests.dashboard.engine:HostileEngine
"""

from __future__ import annotations

from ocr_engine import OCRResult, PredictOptions
from ocr_engine.types import Image
from tests.faults.engine import StandInEngine

SCRIPT = "<script>window.harmed = 1</script>"
PICTURE = "<img src=x onerror='window.harmed = 2'>"
SCORES = [0.99, 0.9, 0.5]  # one of each level of confidence


class HostileEngine(StandInEngine):
    """The stand-in, but for what it reads."""

    def predict_page(
        self,
        image: Image,
        *,
        input_path: str | None = None,
        page_index: int | None = None,
        options: PredictOptions | None = None,
    ) -> OCRResult:
        result = super().predict_page(image, input_path=input_path, page_index=page_index, options=options)
        result["rec_texts"][:2] = [SCRIPT, PICTURE]
        result["rec_scores"][:] = SCORES
        result.timings_ms |= {"detection": 12.5, "recognition": 50.0}
        return result
