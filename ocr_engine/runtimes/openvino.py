"""OpenVINO on the CPU. The only importer of openvino."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from ocr_engine.errors import InternalError, InvalidRequest, ModelUnavailable, OutOfMemory
from ocr_engine.runtimes.plan import RuntimePlan
from ocr_engine.types import Tensor

_PRECISIONS = ("f32", "bf16")


def plan_properties(plan: RuntimePlan) -> dict[str, str | int]:
    """The properties the model is compiled with. Pure.

    Left alone, OpenVINO computes in bf16 where the processor has it: faster by half, and no longer the numbers of the
    reference. So float32, unless engine_config says otherwise. Raises: InvalidRequest: an unknown precision.
    """
    precision = str(plan.config.get("inference_precision", "f32"))
    if precision not in _PRECISIONS:
        raise InvalidRequest(f"engine_config: inference_precision={precision!r}; use {', '.join(_PRECISIONS)}")
    properties: dict[str, str | int] = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": int(str(plan.config.get("cpu_threads", plan.threads))),
        "NUM_STREAMS": int(str(plan.config.get("num_streams", 1))),
        # Pinning would put every process of a machine on its first cores.
        "ENABLE_CPU_PINNING": "NO",
    }
    if "cache_dir" in plan.config:
        properties["CACHE_DIR"] = str(plan.config["cache_dir"])
    return properties


class OpenVinoRuntime:
    """One ONNX model on the CPU, its shapes left open. `run` may be called from several threads: each has a request."""

    def __init__(self, weights: bytes, plan: RuntimePlan, /) -> None:
        """Raises: ModelUnavailable: openvino is not installed, or cannot load the bytes; InvalidRequest."""
        properties = plan_properties(plan)
        try:
            import openvino
        except ImportError as error:
            raise ModelUnavailable(
                "engine='openvino' is not installed; run pip install 'ocrfleet[openvino]'"
            ) from error
        core = openvino.Core()
        if properties["INFERENCE_PRECISION_HINT"] == "bf16" and "BF16" not in core.get_property(
            "CPU", "OPTIMIZATION_CAPABILITIES"
        ):
            raise InvalidRequest("engine_config: this processor has no bf16; use inference_precision='f32'")
        try:
            model = core.read_model(io.BytesIO(weights))
            self._compiled = core.compile_model(model, "CPU", properties)
        except RuntimeError as error:
            raise ModelUnavailable(f"OpenVINO cannot load these weights: {error}") from error
        self._metadata = _metadata_of(model)
        self._requests = threading.local()

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._metadata

    def run(self, batch: Tensor, /) -> Tensor:
        return self._run(batch, 1)[0]

    def run_all(self, batch: Tensor, /) -> tuple[Tensor, ...]:
        return self._run(batch, len(self._compiled.outputs))

    def _run(self, batch: Tensor, count: int) -> tuple[Tensor, ...]:
        try:
            if not hasattr(self._requests, "own"):
                self._requests.own = self._compiled.create_infer_request()
            outputs = self._requests.own.infer([batch], share_inputs=True)
        except MemoryError as error:
            raise OutOfMemory from error
        except RuntimeError as error:
            if "alloc" in str(error):
                raise OutOfMemory from error
            raise InternalError(f"OpenVINO failed on a batch of shape {batch.shape}: {error}") from error
        return tuple(np.asarray(outputs[i], dtype=np.float32) for i in range(count))


# Any: the library's model, whose type is only known once it is imported.
def _metadata_of(model: Any) -> dict[str, str]:
    """The texts of the ONNX file, which OpenVINO keeps under `framework`."""
    if "framework" not in model.rt_info:
        return {}
    return {name: str(note.value) for name, note in model.rt_info["framework"].items()}
