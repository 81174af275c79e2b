"""Paddle Inference. The only importer of paddle.

Run on CPUs, with and without oneDNN. GPU, TensorRT and the plugin devices (npu, xpu, mlu, dcu, gcu, iluvatar_gpu,
metax_gpu) are configured and tested as far as configuration goes: not run on hardware.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ocr_engine.errors import (
    DeviceUnavailable,
    InternalError,
    InvalidRequest,
    ModelUnavailable,
    OutOfMemory,
    is_no_memory,
)
from ocr_engine.runtimes import best_of
from ocr_engine.runtimes.plan import RuntimePlan
from ocr_engine.types import Classes, Tensor

# One call of the library's Config: its method and arguments.
Call: TypeAlias = tuple[str, tuple[object, ...]]

_MODES = ("paddle", "paddle_fp16", "mkldnn", "mkldnn_bf16", "trt_fp32", "trt_fp16")
_GPU_POOL_MB = 100  # the reference's first share of the GPU's memory; it grows
_TRT_WORKSPACE_BYTES = 1 << 30
_TRT_BATCH = 8  # the largest batch of the reference's dynamic shapes
# What each device's plugin must find in the environment when the library is imported: the reference's values.
_ENVIRONMENT: Mapping[str, Mapping[str, str]] = {
    "npu": {
        "FLAGS_npu_jit_compile": "0",
        "FLAGS_use_stride_kernel": "0",
        "FLAGS_allocator_strategy": "auto_growth",
        "CUSTOM_DEVICE_BLACK_LIST": "pad3d,pad3d_grad,set_value,set_value_with_tensor",
        "FLAGS_npu_scale_aclnn": "True",
        "FLAGS_npu_split_aclnn": "True",
    },
    "xpu": {
        "BKCL_FORCE_SYNC": "1",
        "BKCL_TIMEOUT": "1800",
        "FLAGS_use_stride_kernel": "0",
        "XPU_BLACK_LIST": "pad3d",
        "XPU_PADDLE_CONV_FLOAT": "1",
    },
    "mlu": {"FLAGS_use_stride_kernel": "0", "FLAGS_use_stream_safe_cuda_allocator": "0"},
    "dcu": {"FLAGS_conv_workspace_size_limit": "2000"},
    "gcu": {"FLAGS_use_stride_kernel": "0"},
    "metax_gpu": {"FLAGS_use_stride_kernel": "1"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictorPlan:
    """A predictor before it is built: the environment its import needs, and the calls of its Config in order."""

    environment: Mapping[str, str]
    calls: tuple[Call, ...]


def plan_predictor(plan: RuntimePlan, *, pir: bool) -> PredictorPlan:
    """What to set for a device. Pure. `pir`: the model is inference.json. A text `precision.X` is PrecisionType.X.

    Raises: InvalidRequest: a run_mode that the device lacks, or TensorRT for a model it cannot read.
    """
    mode = _mode_of(plan)
    kind, index = plan.device.kind, plan.device.index
    calls: list[Call]
    if kind == "cpu":
        calls = _cpu_calls(plan, mode)
    elif mode.startswith("trt"):
        calls = _tensorrt_calls(plan, mode, pir=pir)
    elif kind in ("gpu", "dcu"):
        precision = "precision.Half" if mode == "paddle_fp16" else "precision.Float32"
        calls = [
            ("exp_disable_mixed_precision_ops", ({"feed", "fetch"},)),
            ("disable_mkldnn", ()),
            ("enable_use_gpu", (_GPU_POOL_MB, index, precision)),
        ]
    elif kind == "xpu":
        calls = [
            ("enable_xpu", ()),
            ("set_xpu_device_id", (index,)),
            ("delete_pass", ("conv2d_bn_xpu_fuse_pass",)),
            ("delete_pass", ("transfer_layout_pass",)),
        ]
    else:
        calls = [("enable_custom_device", (kind, index))]
    if not mode.startswith("trt"):
        calls += _executor_calls(plan)
    if kind == "dcu":
        # Fusions that ROCm lacks.
        calls += [("delete_pass", ("conv2d_add_act_fuse_pass",)), ("delete_pass", ("conv2d_add_fuse_pass",))]
    deleted = plan.config.get("delete_pass")
    if isinstance(deleted, list | tuple):
        calls += [("delete_pass", (str(name),)) for name in deleted]
    calls += [("enable_memory_optim", ()), ("disable_glog_info", ())]
    return PredictorPlan(environment=_ENVIRONMENT.get(kind, {}), calls=tuple(calls))


def check_device(plan: RuntimePlan) -> None:
    """Raises: DeviceUnavailable: the installed Paddle or this machine lacks the device; ModelUnavailable: no Paddle."""
    _check_device(_import_paddle(plan, _ENVIRONMENT.get(plan.device.kind, {})), plan)


class PaddleRuntime:
    """One Paddle model on one device. Build it in the process that runs it.

    `run` may be called from several threads: a predictor has one set of inputs and outputs, so it is locked.
    """

    def __init__(
        self, model: Path, params: Path, plan: RuntimePlan, /, *, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Raises: ModelUnavailable: paddle is not installed, or cannot load the files; DeviceUnavailable."""
        self._metadata = dict(metadata or {})
        wanted = plan_predictor(plan, pir=model.suffix == ".json")
        for path in (model, params):
            if not path.is_file():
                raise ModelUnavailable(f"there is no {path}; name a folder with the model and its .pdiparams")
        paddle = _import_paddle(plan, wanted.environment)
        _check_device(paddle, plan)
        inference = paddle.inference
        config = inference.Config(str(model), str(params))
        try:
            for method, arguments in wanted.calls:
                getattr(config, method)(*(_resolved(inference, argument) for argument in arguments))
            self._predictor = inference.create_predictor(config)
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelUnavailable(f"Paddle cannot load {model.name}: {error}") from error
        self._input = self._predictor.get_input_handle(self._predictor.get_input_names()[0])
        self._outputs = [self._predictor.get_output_handle(name) for name in self._predictor.get_output_names()]
        self._lock = threading.Lock()
        mode = _mode_of(plan)
        self.precision = "f16" if mode.endswith("fp16") else "bf16" if mode.endswith("bf16") else "f32"

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._metadata

    def run(self, batch: Tensor, /) -> Tensor:
        return self._run(batch, 1)[0]

    def run_all(self, batch: Tensor, /) -> tuple[Tensor, ...]:
        return self._run(batch, len(self._outputs))

    def _run(self, batch: Tensor, count: int) -> tuple[Tensor, ...]:
        try:
            with self._lock:
                self._input.reshape(list(batch.shape))
                self._input.copy_from_cpu(np.ascontiguousarray(batch))
                self._predictor.run()
                outputs = [output.copy_to_cpu() for output in self._outputs[:count]]
        except (MemoryError, RuntimeError, ValueError, OSError) as error:
            if is_no_memory(error):
                raise OutOfMemory from error
            raise InternalError(f"Paddle failed on a batch of shape {batch.shape}: {error}") from error
        return tuple(np.asarray(output, dtype=np.float32) for output in outputs)

    def best(self, batch: Tensor, /) -> tuple[Classes, Tensor]:
        return best_of(self.run(batch))


def _mode_of(plan: RuntimePlan) -> str:
    """The reference's run_mode: asked for in engine_config, else what the options add up to."""
    kind = plan.device.kind
    able = {"cpu": ("paddle", "mkldnn", "mkldnn_bf16"), "gpu": ("paddle", "paddle_fp16", "trt_fp32", "trt_fp16")}
    served = able.get(kind, ("paddle",))
    given = plan.config.get("run_mode")
    if given is not None:
        if given not in served:
            raise InvalidRequest(f"engine_config: run_mode={given!r} is not for {plan.device}; use {', '.join(served)}")
        return str(given)
    if kind == "cpu":
        return "mkldnn" if plan.enable_mkldnn else "paddle"
    if plan.use_tensorrt:
        return "trt_fp16" if plan.fp16 else "trt_fp32"
    return "paddle_fp16" if plan.fp16 else "paddle"


def _cpu_calls(plan: RuntimePlan, mode: str) -> list[Call]:
    calls: list[Call] = [("disable_gpu", ())]
    if mode == "paddle":
        calls.append(("disable_mkldnn", ()))
    else:
        capacity = plan.config.get("mkldnn_cache_capacity", plan.mkldnn_cache_capacity)
        calls.append(("enable_mkldnn", ()))
        if mode == "mkldnn_bf16":
            calls.append(("enable_mkldnn_bfloat16", ()))
        calls.append(("set_mkldnn_cache_capacity", (capacity,)))
    calls.append(("set_cpu_math_library_num_threads", (plan.config.get("cpu_threads", plan.threads),)))
    return calls


def _executor_calls(plan: RuntimePlan) -> list[Call]:
    calls: list[Call] = [("enable_new_ir", (plan.config.get("enable_new_ir", True),))]
    if plan.config.get("enable_cinn", plan.enable_cinn):
        calls.append(("enable_cinn", ()))
    calls.append(("enable_new_executor", ()))
    if plan.device.kind in ("cpu", "gpu"):
        calls.append(("set_optimization_level", (3,)))
    return calls


def _tensorrt_calls(plan: RuntimePlan, mode: str, *, pir: bool) -> list[Call]:
    """TensorRT inside the old executor, which reads .pdmodel only; its shapes must be known."""
    if pir:
        raise InvalidRequest(
            "use_tensorrt=True in engine='paddle' reads inference.pdmodel, and this model is inference.json; "
            "choose engine='onnxruntime' for TensorRT"
        )
    shapes = plan.config.get("trt_dynamic_shapes")
    if not isinstance(shapes, Mapping) or not all(isinstance(s, list | tuple) and len(s) == 3 for s in shapes.values()):
        raise InvalidRequest(
            "use_tensorrt=True in engine='paddle' needs engine_config={'trt_dynamic_shapes': {input: [min, opt, max]}}"
        )
    least, usual, most = ({name: list(three[i]) for name, three in shapes.items()} for i in range(3))
    precision = "precision.Half" if mode == "trt_fp16" else "precision.Float32"
    engine = (_TRT_WORKSPACE_BYTES, _TRT_BATCH, plan.min_subgraph_size, precision, False, False)
    return [
        ("enable_use_gpu", (_GPU_POOL_MB, plan.device.index)),
        ("enable_tensorrt_engine", engine),
        ("set_trt_dynamic_shape_info", (least, most, usual)),
    ]


# Any: the library is imported when it is needed and has no types.
def _import_paddle(plan: RuntimePlan, environment: Mapping[str, str]) -> Any:
    late = {name for name, value in environment.items() if os.environ.get(name) != value}
    if late and "paddle" in sys.modules:
        raise DeviceUnavailable(
            f"device={str(plan.device)!r} needs {', '.join(sorted(late))} set before paddle is imported; "
            "build the engine first, in a process of its own"
        )
    # The plugins read the environment and nothing else.
    os.environ.update(environment)
    try:
        import paddle
        import paddle.inference
    except ImportError as error:
        raise ModelUnavailable(f"engine='paddle': {error}; run pip install 'ocrfleet[paddle]'") from error
    return paddle


def _check_device(paddle: Any, plan: RuntimePlan) -> None:
    """Raises: DeviceUnavailable: the build or the machine lacks the device. The library would take the CPU."""
    kind, index = plan.device.kind, plan.device.index
    if kind == "cpu":
        return
    if kind in ("gpu", "dcu"):
        built = paddle.is_compiled_with_rocm() if kind == "dcu" else paddle.is_compiled_with_cuda()
        count = paddle.device.cuda.device_count() if built else 0
    elif kind == "xpu":
        built = paddle.is_compiled_with_xpu()
        count = paddle.device.xpu.device_count() if built else 0
    else:
        names = paddle.device.get_all_custom_device_type()
        built = kind in names
        count = sum(name.split(":")[0] == kind for name in paddle.device.get_available_custom_device())
    if index >= count:
        have = f"it sees {count} of them" if built else "the installed build does not serve them"
        raise DeviceUnavailable(
            f"device={str(plan.device)!r} is not there for Paddle: {have}; install its build of paddlepaddle and its "
            "driver, or choose another device"
        )


def _resolved(inference: Any, argument: object) -> object:
    """The argument, a precision by its name replaced by the library's own value."""
    if isinstance(argument, str) and argument.startswith("precision."):
        return getattr(inference.PrecisionType, argument.removeprefix("precision."))
    return argument
