"""Which runtime serves an engine's options, and the table of what each option means to it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ocr_engine.device import KINDS, Device, parse_device, shows_gpu
from ocr_engine.errors import DeviceUnavailable, InvalidRequest, ModelUnavailable

ONNXRUNTIME, OPENVINO, PADDLE, PADDLEX = "onnxruntime", "openvino", "paddle", "paddlex"

# The reference's names for an engine, and ours, to the runtime each stands for.
ENGINES = {
    "onnxruntime": ONNXRUNTIME,
    "openvino": OPENVINO,
    "paddle": PADDLE,
    "paddle_static": PADDLE,
    "paddlex": PADDLEX,
}
DEVICES: Mapping[str, tuple[str, ...]] = {
    ONNXRUNTIME: ("cpu", "gpu", "npu"),
    OPENVINO: ("cpu",),
    PADDLE: KINDS,
    PADDLEX: KINDS,
}
_INSTALL = {
    ONNXRUNTIME: "pip install 'ocrfleet[engine-cpu]'",
    OPENVINO: "pip install 'ocrfleet[openvino]'",
    PADDLE: "pip install 'ocrfleet[paddle]'",
    PADDLEX: "pip install 'ocrfleet[paddle]'",
}
# The packages whose builds use a GPU; the libraries have the same names in both.
_GPU_PACKAGES = {ONNXRUNTIME: "onnxruntime-gpu", PADDLE: "paddlepaddle-gpu", PADDLEX: "paddlepaddle-gpu"}
# Fastest first. In float32 OpenVINO and ONNX Runtime are equal on a CPU, and OpenVINO alone can be told to use bf16.
_FASTEST = {"cpu": (OPENVINO, ONNXRUNTIME), "gpu": (ONNXRUNTIME, PADDLE), "npu": (ONNXRUNTIME, PADDLE)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """What one option takes: the values that ask for nothing, and the devices of each runtime that obeys any other.

    The reference's default asks for nothing: programs name it, and other runtimes have their own way.
    """

    idle: tuple[object, ...]
    by: Mapping[str, tuple[str, ...]]


_GPU = ("gpu",)
# The reference's defaults: operators, and shapes that oneDNN keeps.
_MIN_SUBGRAPH_SIZE, _MKLDNN_CACHE_CAPACITY = 3, 10
OPTIONS: Mapping[str, Served] = {
    "use_tensorrt": Served(idle=(False,), by={ONNXRUNTIME: _GPU, PADDLE: _GPU, PADDLEX: _GPU}),
    "min_subgraph_size": Served(idle=(_MIN_SUBGRAPH_SIZE,), by={ONNXRUNTIME: _GPU, PADDLE: _GPU}),
    "precision": Served(idle=("fp32",), by={ONNXRUNTIME: ("gpu", "npu"), PADDLE: _GPU, PADDLEX: _GPU}),
    "enable_mkldnn": Served(idle=(True, False), by={PADDLE: ("cpu",), PADDLEX: ("cpu",)}),
    "mkldnn_cache_capacity": Served(idle=(_MKLDNN_CACHE_CAPACITY,), by={PADDLE: ("cpu",), PADDLEX: ("cpu",)}),
    "enable_cinn": Served(idle=(False,), by={PADDLE: ("gpu", "dcu"), PADDLEX: ("gpu", "dcu")}),
}
# The keys of engine_config: those of the reference where it has the runtime. `device_type` and `device_id` are not
# among them because `device` says it.
CONFIG_KEYS: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    ONNXRUNTIME: {
        "providers": (list, tuple),
        "provider_options": (list, tuple, dict),
        "graph_optimization_level": (int,),
        "intra_op_num_threads": (int,),
        "inter_op_num_threads": (int,),
        "execution_mode": (str,),
        "log_severity_level": (int,),
        "enable_mem_pattern": (bool,),
        "enable_cpu_mem_arena": (bool,),
    },
    OPENVINO: {"inference_precision": (str,), "cache_dir": (str,), "cpu_threads": (int,), "num_streams": (int,)},
    PADDLE: {
        "run_mode": (str,),
        "cpu_threads": (int,),
        "mkldnn_cache_capacity": (int,),
        "enable_cinn": (bool,),
        "enable_new_ir": (bool,),
        "delete_pass": (list, tuple),
        "trt_dynamic_shapes": (dict,),
    },
    # Which of PaddleX's engines, and what it is handed in place of what our options add up to.
    PADDLEX: {"engine": (str,), "engine_config": (dict,)},
}


class RuntimeOptions(Protocol):
    """The options of an engine that a runtime obeys; None: not given."""

    @property
    def device(self) -> str | None: ...
    @property
    def engine(self) -> str | None: ...
    @property
    def engine_config(self) -> Mapping[str, object] | None: ...
    @property
    def enable_hpi(self) -> bool | None: ...
    @property
    def use_tensorrt(self) -> bool | None: ...
    @property
    def min_subgraph_size(self) -> int | None: ...
    @property
    def precision(self) -> str | None: ...
    @property
    def enable_mkldnn(self) -> bool | None: ...
    @property
    def mkldnn_cache_capacity(self) -> int | None: ...
    @property
    def enable_cinn(self) -> bool | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimePlan:
    """A runtime, its device, and every setting resolved. `reason`: why this runtime.

    threads: of the CPU. streams: runs of one network side by side, which share the threads evenly.
    exact: the reference's float32; otherwise the fastest arithmetic of the processor whose accuracy holds.
    min_subgraph_size: operators. mkldnn_cache_capacity: input shapes kept by oneDNN.
    enable_hpi: PaddleX's own choice of the fastest. config: what `engine_config` says for this runtime, which wins over
    the rest. compiled_dir: where OpenVINO's compiled networks are kept; None: nowhere. characters: the dictionary of a
    recogniser whose weights do not carry it. few_shapes: the same few shapes of batches come again and again.
    """

    name: str
    device: Device
    threads: int
    streams: int = 1
    exact: bool = True
    reason: str = ""
    use_tensorrt: bool = False
    min_subgraph_size: int = _MIN_SUBGRAPH_SIZE
    fp16: bool = False
    enable_mkldnn: bool = True
    mkldnn_cache_capacity: int = _MKLDNN_CACHE_CAPACITY
    enable_cinn: bool = False
    enable_hpi: bool = False
    config: Mapping[str, object] = field(default_factory=dict)
    compiled_dir: Path | None = None
    characters: tuple[str, ...] = ()
    few_shapes: bool = False


def is_installed(name: str) -> bool:
    """True if the library of a runtime can be imported; it is not imported."""
    return importlib.util.find_spec(name) is not None


def can_use_gpu(name: str) -> bool:
    """Whether this machine has a GPU and a runtime the build for it. Neither is tried."""
    try:
        importlib.metadata.distribution(_GPU_PACKAGES[name])
    except (KeyError, importlib.metadata.PackageNotFoundError):
        return False
    return shows_gpu()


def plan_runtime(
    options: RuntimeOptions,
    *,
    threads: int,
    exact: bool = True,
    installed: Callable[[str], bool] = is_installed,
    on_gpu: Callable[[str], bool] = can_use_gpu,
) -> RuntimePlan:
    """Choose the runtime and give every option its meaning, without loading a library.

    `exact`: see `RuntimePlan`; without it the fastest runtime installed is the default. Where no device is named it is
    the first GPU, if the runtime for it says that it can be used (`on_gpu`), else the CPU.

    Raises: InvalidRequest: an option that the runtime cannot obey, naming one that can; DeviceUnavailable;
    ModelUnavailable: the runtime is not installed.
    """
    device = parse_device(options.device)
    if options.device is None:
        gpu = parse_device("gpu")
        device = gpu if on_gpu(_choose(options, gpu, exact, installed)[0]) else device
    name, reason = _choose(options, device, exact, installed)
    if device.kind not in DEVICES[name]:
        able = ", ".join(engine for engine, kinds in DEVICES.items() if device.kind in kinds)
        raise DeviceUnavailable(f"engine={name!r} cannot use device={str(device)!r}; engines that can: {able}")
    _check_options(options, name, device)
    if not installed(name):
        raise ModelUnavailable(f"engine={name!r} is not installed; run {_INSTALL[name]}")
    return RuntimePlan(
        name=name,
        device=device,
        threads=threads,
        exact=exact,
        reason=reason,
        use_tensorrt=bool(options.use_tensorrt),
        min_subgraph_size=options.min_subgraph_size or _MIN_SUBGRAPH_SIZE,
        fp16=options.precision == "fp16",
        enable_mkldnn=options.enable_mkldnn is not False,
        mkldnn_cache_capacity=(
            _MKLDNN_CACHE_CAPACITY if options.mkldnn_cache_capacity is None else options.mkldnn_cache_capacity
        ),
        enable_cinn=bool(options.enable_cinn),
        enable_hpi=name == PADDLEX and bool(options.enable_hpi),
        config=config_of(options.engine_config or {}, name),
    )


def config_of(given: Mapping[str, object], name: str) -> Mapping[str, object]:
    """The part of `engine_config` for one runtime: the whole when it is flat, else what its engine's key holds.

    Raises: InvalidRequest: an unknown key, or a value of the wrong kind.
    """
    flat: dict[str, object] = {}
    for key, value in given.items():
        if key not in ENGINES:
            flat[key] = value
        elif not isinstance(value, Mapping):
            raise InvalidRequest(f"engine_config[{key!r}]={value!r} must hold the options of that engine")
    if flat and len(flat) < len(given):
        raise InvalidRequest(f"engine_config mixes engines and options; move {', '.join(flat)} under an engine's name")
    parts = [value for key, value in given.items() if ENGINES.get(key) == name and isinstance(value, Mapping)]
    config = flat or {key: value for part in parts for key, value in part.items()}
    known = CONFIG_KEYS.get(name, {})
    for key, value in config.items():
        if key not in known:
            raise InvalidRequest(f"engine_config: {name} has no {key!r}; it has {', '.join(known) or 'no options'}")
        if not isinstance(value, known[key]) or (isinstance(value, bool) and bool not in known[key]):
            kinds = " or ".join(kind.__name__ for kind in known[key])
            raise InvalidRequest(f"engine_config: {key}={value!r} must be {kinds}")
    return config


def _choose(options: RuntimeOptions, device: Device, exact: bool, installed: Callable[[str], bool]) -> tuple[str, str]:
    """The runtime and why."""
    if options.engine is not None:
        if options.enable_hpi and options.engine != PADDLEX:
            raise InvalidRequest(f"enable_hpi=True chooses the engine; leave out engine={options.engine!r}, or it")
        if options.engine not in ENGINES:
            raise InvalidRequest(f"engine={options.engine!r} is not in this build; use {', '.join(ENGINES)}")
        return ENGINES[options.engine], f"engine={options.engine!r} was asked for"
    ranked = _FASTEST.get(device.kind, (PADDLE,))
    fastest = next((name for name in ranked if installed(name)), None)
    if options.enable_hpi:
        if fastest is not None:
            return fastest, f"enable_hpi: the fastest installed for {device.kind} of {', '.join(ranked)}"
        return ranked[-1], f"enable_hpi: none installed for {device.kind} of {', '.join(ranked)}"
    if fastest is not None and options.enable_hpi is None and not exact and not options.engine_config:
        return fastest, f"the fastest installed for {device.kind} of {', '.join(ranked)}"
    if device.kind in DEVICES[ONNXRUNTIME]:
        return ONNXRUNTIME, "the default"
    return PADDLE, f"only Paddle serves {device.kind}"


def _check_options(options: RuntimeOptions, name: str, device: Device) -> None:
    for option, served in OPTIONS.items():
        value = getattr(options, option)
        if value is None or value in served.idle or device.kind in served.by.get(name, ()):
            continue
        able = "; ".join(f"engine={runtime!r} on {', '.join(kinds)}" for runtime, kinds in served.by.items())
        raise InvalidRequest(f"{option}={value!r} means nothing to {name} on {device}; it does to {able}")
    if options.min_subgraph_size not in (None, _MIN_SUBGRAPH_SIZE) and not options.use_tensorrt:
        raise InvalidRequest("min_subgraph_size speaks of TensorRT; add use_tensorrt=True")
    if options.mkldnn_cache_capacity not in (None, _MKLDNN_CACHE_CAPACITY) and options.enable_mkldnn is False:
        raise InvalidRequest("mkldnn_cache_capacity speaks of oneDNN; leave out enable_mkldnn=False")
    if options.precision == "fp16" and (name, device.kind) == (ONNXRUNTIME, "gpu") and not options.use_tensorrt:
        raise InvalidRequest("precision='fp16' in onnxruntime on a GPU is TensorRT's; add use_tensorrt=True")
