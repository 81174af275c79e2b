"""ONNX Runtime. The only importer of onnxruntime.

Run on CPUs. CUDA, TensorRT and CANN are configured and tested as far as configuration goes: not run on hardware.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime

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

_CPU = "CPUExecutionProvider"
_LIBRARY_ERRORS = (
    onnxruntime.capi.onnxruntime_pybind11_state.Fail,
    onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf,
    onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented,
    onnxruntime.capi.onnxruntime_pybind11_state.EPFail,
)
_MODES = {
    "sequential": onnxruntime.ExecutionMode.ORT_SEQUENTIAL,
    "parallel": onnxruntime.ExecutionMode.ORT_PARALLEL,
}
# 3 = errors only: the library otherwise writes warnings about the machine to the user's terminal.
_LOG_ERRORS = 3
_INSTALL = {"gpu": "onnxruntime-gpu", "npu": "onnxruntime-cann"}


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionPlan:
    """A session before it is built: providers in order of preference with their options, and session options."""

    providers: tuple[tuple[str, Mapping[str, object]], ...]
    options: Mapping[str, object]


def plan_session(plan: RuntimePlan, *, available: Sequence[str]) -> SessionPlan:
    """Providers and options for a device. Pure: `available` are the providers of the installed build.

    Behind an accelerator comes the CPU, for the few operators that the accelerator lacks.
    Raises: DeviceUnavailable: the build lacks a provider; InvalidRequest: engine_config contradicts itself.
    """
    config = dict(plan.config)
    providers = _providers(plan)
    named = config.pop("providers", None)
    extra = config.pop("provider_options", None)
    if isinstance(named, list | tuple):
        ours = dict(providers)
        if providers[0][0] not in named:
            raise InvalidRequest(
                f"engine_config: providers={list(named)!r} leaves out {providers[0][0]}, which is what runs "
                f"device={str(plan.device)!r}"
            )
        providers = [(str(name), ours.get(str(name), {})) for name in named]
    if extra is not None:
        providers = _with_options(providers, extra)
    missing = [name for name, _ in providers if name not in available]
    if missing:
        raise DeviceUnavailable(
            f"device={str(plan.device)!r} needs {', '.join(missing)}, which the installed ONNX Runtime lacks; install "
            f"{_INSTALL.get(plan.device.kind, 'a build of it that has it')}, or choose another device or engine"
        )
    options = {
        "intra_op_num_threads": max(plan.threads // plan.streams, 1),
        "inter_op_num_threads": 1,
        "log_severity_level": _LOG_ERRORS,
        **config,
    }
    if options.get("execution_mode", "sequential") not in _MODES:
        raise InvalidRequest(f"engine_config: execution_mode={options['execution_mode']!r}; use {', '.join(_MODES)}")
    return SessionPlan(providers=tuple(providers), options=options)


def check_device(plan: RuntimePlan) -> None:
    """Raises: DeviceUnavailable: the installed ONNX Runtime lacks the device's provider."""
    available = onnxruntime.get_available_providers()
    missing = [name for name, _ in _providers(plan) if name not in available]
    if missing:
        raise DeviceUnavailable(
            f"device={str(plan.device)!r} needs {', '.join(missing)}, which ONNX Runtime lacks here"
        )


class OnnxRuntime:
    """One ONNX model on one device. Build it in the process that runs it; `run` may be called from several threads."""

    def __init__(self, weights: bytes, plan: RuntimePlan, /) -> None:
        """Raises: ModelUnavailable: the bytes are not a model that this version can load; DeviceUnavailable."""
        wanted = plan_session(plan, available=onnxruntime.get_available_providers())
        names = [name for name, _ in wanted.providers]
        try:
            self._session = onnxruntime.InferenceSession(
                weights,
                sess_options=_session_options(wanted.options),
                providers=names,
                provider_options=[dict(options) for _, options in wanted.providers],
            )
        except (MemoryError, *_LIBRARY_ERRORS) as error:
            if is_no_memory(error):
                raise OutOfMemory from error
            raise ModelUnavailable(f"ONNX Runtime cannot load these weights: {error}") from error
        # The library drops a provider whose driver fails, and goes on with the next: a silent fall-back to the CPU.
        if names[0] not in self._session.get_providers():
            raise DeviceUnavailable(f"device={str(plan.device)!r}: {names[0]} did not start; check its driver")
        self._session.disable_fallback()
        # The arena makes tensors cheap but would keep the largest page ever seen; shrunk after every run it does not.
        # Measured on receipts: resting memory 1060 -> 460 MB, peak 1060 -> 650 MB, processor time +9 % (without an
        # arena: 600 MB, 1010 MB, +20 %).
        self._run_options = onnxruntime.RunOptions()
        if names == [_CPU] and wanted.options.get("enable_cpu_mem_arena", True):
            self._run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._input: str = self._session.get_inputs()[0].name
        self._outputs: list[str] = [output.name for output in self._session.get_outputs()]
        self._metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self.precision = "f16" if plan.fp16 else "f32"

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._metadata

    def run(self, batch: Tensor, /) -> Tensor:
        return self._run(batch, self._outputs[:1])[0]

    def run_all(self, batch: Tensor, /) -> tuple[Tensor, ...]:
        return self._run(batch, self._outputs)

    def _run(self, batch: Tensor, names: Sequence[str]) -> tuple[Tensor, ...]:
        try:
            outputs = self._session.run(list(names), {self._input: batch}, self._run_options)
        except (MemoryError, *_LIBRARY_ERRORS) as error:
            if is_no_memory(error):
                raise OutOfMemory from error
            raise InternalError(f"ONNX Runtime failed on a batch of shape {batch.shape}: {error}") from error
        return tuple(np.asarray(output, dtype=np.float32) for output in outputs)

    def best(self, batch: Tensor, /) -> tuple[Classes, Tensor]:
        return best_of(self.run(batch))


def _providers(plan: RuntimePlan) -> list[tuple[str, Mapping[str, object]]]:
    index = plan.device.index
    if plan.device.kind == "npu":
        # fp32 keeps the weights' own type; CANN's default would use fp16.
        precision = "force_fp16" if plan.fp16 else "must_keep_origin_dtype"
        return [("CANNExecutionProvider", {"device_id": index, "precision_mode": precision}), (_CPU, {})]
    if plan.device.kind != "gpu":
        return [(_CPU, {})]
    # The default, EXHAUSTIVE, tries every algorithm at each new shape, and pages have new shapes: 634 ms against 2 ms.
    cuda: Mapping[str, object] = {"device_id": index, "cudnn_conv_algo_search": "HEURISTIC"}
    providers: list[tuple[str, Mapping[str, object]]] = [("CUDAExecutionProvider", cuda), (_CPU, {})]
    if plan.use_tensorrt:
        tensorrt = {
            "device_id": index,
            "trt_fp16_enable": plan.fp16,
            "trt_min_subgraph_size": plan.min_subgraph_size,
        }
        providers.insert(0, ("TensorrtExecutionProvider", tensorrt))
    return providers


def _with_options(
    providers: list[tuple[str, Mapping[str, object]]], extra: object
) -> list[tuple[str, Mapping[str, object]]]:
    """The providers with the caller's options on top: one mapping for the first, or a list with one for each."""
    given = list(extra) if isinstance(extra, list | tuple) else [extra, *({} for _ in providers[1:])]
    mappings = [options for options in given if isinstance(options, Mapping)]
    if not len(mappings) == len(given) == len(providers):
        raise InvalidRequest(
            f"engine_config: provider_options needs one mapping for each of {len(providers)} providers"
        )
    return [(name, {**ours, **theirs}) for (name, ours), theirs in zip(providers, mappings, strict=True)]


def _session_options(values: Mapping[str, object]) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    for name, value in values.items():
        if name == "execution_mode":
            options.execution_mode = _MODES[str(value)]
        elif name == "graph_optimization_level":
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel(value)
        else:
            setattr(options, name, value)
    return options
