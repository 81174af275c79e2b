"""Open one network on the runtime that was planned. The libraries are imported here, when a network needs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ocr_engine.errors import ModelUnavailable
from ocr_engine.runtimes import Runtime
from ocr_engine.runtimes.plan import ONNXRUNTIME, OPENVINO, PADDLE, RuntimePlan
from ocr_engine.runtimes.weights import Weights


def open_onnx(plan: RuntimePlan, weights: Weights) -> Runtime:
    """Open weights in ONNX format.

    Raises: DeviceUnavailable; ModelUnavailable: the library cannot load them, reads another format, or they changed.
    """
    if plan.name == ONNXRUNTIME:
        from ocr_engine.runtimes.onnx import OnnxRuntime

        return OnnxRuntime(weights.read(), plan)
    if plan.name == OPENVINO:
        from ocr_engine.runtimes.openvino import OpenVinoRuntime

        return OpenVinoRuntime(weights, plan)
    raise ModelUnavailable(
        f"engine={plan.name!r} reads inference.json or inference.pdmodel with its .pdiparams, and this model is ONNX; "
        "name a model folder that holds them, or choose engine='onnxruntime'"
    )


def open_paddle(plan: RuntimePlan, model: Path, params: Path, *, metadata: Mapping[str, str] | None = None) -> Runtime:
    """Open a model in Paddle's format: inference.json (PIR) or .pdmodel, and its .pdiparams.

    Raises: DeviceUnavailable; ModelUnavailable: the library cannot load it, or reads another format.
    """
    if plan.name != PADDLE:
        raise ModelUnavailable(
            f"engine={plan.name!r} reads inference.onnx, and {model.name} is Paddle's format; choose engine='paddle'"
        )
    from ocr_engine.runtimes.paddle import PaddleRuntime

    return PaddleRuntime(model, params, plan, metadata=metadata)
