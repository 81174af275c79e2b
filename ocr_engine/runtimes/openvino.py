"""OpenVINO on the CPU. The only importer of openvino."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import numpy as np

from ocr_engine.errors import InternalError, InvalidRequest, ModelUnavailable, OutOfMemory
from ocr_engine.runtimes import best_of
from ocr_engine.runtimes.compiled import Compiled, CompiledCache
from ocr_engine.runtimes.plan import RuntimePlan
from ocr_engine.runtimes.weights import Weights
from ocr_engine.types import Classes, Tensor

_PRECISIONS = ("f32", "bf16")
# Numbers in a batch above which its memory is not kept: a page is above, and a line of more than 1600 pixels.
_LARGE = 3 * 48 * 1600
# Counts the changes of `with_flat_tail`, so that a network that an older one made is not taken.
_TAIL = 1
_DOUBLING = {"strides": [2, 2], "dilations": [1, 1], "pads_begin": [0, 0], "pads_end": [0, 0], "output_padding": [0, 0]}
_Result = TypeVar("_Result")


def plan_properties(plan: RuntimePlan, *, has_bf16: bool) -> dict[str, str | int]:
    """The properties the model is compiled with. Pure. `has_bf16`: the processor computes in it natively.

    bf16 is faster by half, and no longer the numbers of the reference. So an exact plan is float32, unless
    engine_config says otherwise. Raises: InvalidRequest: an unknown precision, or bf16 where there is none.
    """
    fastest = "bf16" if has_bf16 and not plan.exact else "f32"
    precision = str(plan.config.get("inference_precision", fastest))
    if precision not in _PRECISIONS:
        raise InvalidRequest(f"engine_config: inference_precision={precision!r}; use {', '.join(_PRECISIONS)}")
    if precision == "bf16" and not has_bf16:
        raise InvalidRequest("engine_config: this processor has no bf16; use inference_precision='f32'")
    properties: dict[str, str | int] = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": int(str(plan.config.get("cpu_threads", plan.threads))),
        "NUM_STREAMS": int(str(plan.config.get("num_streams", plan.streams))),
        # Pinning would put every process of a machine on its first cores.
        "ENABLE_CPU_PINNING": "NO",
        # Kernels that are kept, about a hundred a shape. With the library's 5000, memory climbs for hundreds of pages
        # of different sizes; with 200 it rests, in the same time. With 100 pages take 8 % longer.
        "CPU_RUNTIME_CACHE_CAPACITY": 200,
    }
    if "cache_dir" in plan.config:
        properties["CACHE_DIR"] = str(plan.config["cache_dir"])
    return properties


class OpenVinoRuntime:
    """One ONNX model on the CPU, its shapes left open. `run` and `best` may be called from several threads.

    There are as many requests as streams, and a caller waits for a free one. A stream keeps the memory of its largest
    batch, a quarter of a gigabyte for a page: after a large one it is released, which costs nothing measurable.
    """

    def __init__(self, weights: Weights, plan: RuntimePlan, /) -> None:
        """Raises: ModelUnavailable: openvino is not installed, or cannot load the weights; InvalidRequest."""
        try:
            import openvino
        except ImportError as error:
            raise ModelUnavailable(
                "engine='openvino' is not installed; run pip install 'ocrfleet[openvino]'"
            ) from error
        core = openvino.Core()
        has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        properties = plan_properties(plan, has_bf16=has_bf16)
        try:
            compiled, self._metadata = _compiled(core, weights, plan, properties)
        except RuntimeError as error:
            raise ModelUnavailable(f"OpenVINO cannot load these weights: {error}") from error
        self.precision = str(properties["INFERENCE_PRECISION_HINT"])
        # Any: the library's request, whose type is only known once it is imported.
        self._free: SimpleQueue[Any] = SimpleQueue()
        self._release_memory = compiled.release_memory
        self._is_swollen = False
        self._streams = int(properties["NUM_STREAMS"])
        for _ in range(self._streams):
            self._free.put(compiled.create_infer_request())

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._metadata

    def run(self, batch: Tensor, /) -> Tensor:
        return self._infer(batch, lambda outputs: np.array(outputs[0], dtype=np.float32))

    def run_all(self, batch: Tensor, /) -> tuple[Tensor, ...]:
        return self._infer(
            batch, lambda outputs: tuple(np.array(outputs[i], dtype=np.float32) for i in range(len(outputs)))
        )

    def best(self, batch: Tensor, /) -> tuple[Classes, Tensor]:
        return self._infer(batch, lambda outputs: best_of(outputs[0]))

    # Any: the library's mapping of outputs.
    def _infer(self, batch: Tensor, take: Callable[[Any], _Result]) -> _Result:
        """Run the network and `take` what is wanted from its outputs, which belong to the request."""
        request = self._free.get()
        try:
            return take(request.infer(batch, share_inputs=True, share_outputs=True))
        except MemoryError as error:
            raise OutOfMemory from error
        except RuntimeError as error:
            if "alloc" in str(error):
                raise OutOfMemory from error
            raise InternalError(f"OpenVINO failed on a batch of shape {batch.shape}: {error}") from error
        finally:
            self._free.put(request)
            self._is_swollen |= batch.size > _LARGE
            if self._is_swollen:
                self._shrink()

    def _shrink(self) -> None:
        """Release what large batches left. The library refuses while a request is busy: then a later call does it."""
        idle: list[Any] = []  # requests, as above
        try:
            while len(idle) < self._streams:
                idle.append(self._free.get_nowait())
            self._release_memory()
            self._is_swollen = False
        except Empty:
            pass
        finally:
            for request in idle:
                self._free.put(request)


# Any, here and below: the library's objects, whose types are only known once it is imported.
def _compiled(
    core: Any, weights: Weights, plan: RuntimePlan, properties: Mapping[str, str | int]
) -> tuple[Any, Mapping[str, str]]:
    """The network ready to run, and the texts that its weights carry. Raises: RuntimeError: the library refuses it."""
    import openvino

    cache = CompiledCache(plan.compiled_dir) if plan.compiled_dir is not None else None
    key = _key_of(core, weights, plan, properties) if cache else ""
    kept = cache.get(key) if cache else None
    if kept is not None:
        # What another build of the library made and this one refuses is compiled again.
        with suppress(RuntimeError):
            # The library copies them once; from a stream, three times.
            network = openvino.Tensor(np.frombuffer(kept.network, dtype=np.uint8))
            return core.import_model(network, "CPU", properties), kept.metadata
    model = core.read_model(io.BytesIO(weights.read()))
    metadata = _metadata_of(model)
    compiled = core.compile_model(model if plan.exact else with_flat_tail(model), "CPU", properties)
    if cache:
        cache.put(key, Compiled(network=compiled.export_model().getvalue(), metadata=metadata))
    return compiled, metadata


def _key_of(core: Any, weights: Weights, plan: RuntimePlan, properties: Mapping[str, str | int]) -> str:
    """What a compiled network depends on: its weights, how it is compiled, by which build and for which processor."""
    processor = [str(core.get_property("CPU", name)) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    build = core.get_versions("CPU")["CPU"].build_number
    parts = [weights.sha256, plan.exact, sorted(properties.items()), build, processor, _TAIL]
    return json.dumps(parts)


def _metadata_of(model: Any) -> dict[str, str]:
    """The texts of the ONNX file, which OpenVINO keeps under `framework`."""
    if "framework" not in model.rt_info:
        return {}
    return {name: str(note.value) for name, note in model.rt_info["framework"].items()}


def with_flat_tail(model: Any) -> Any:
    """The model with the end of a DB detector in 1 x 1 convolutions; the model itself if it ends otherwise.

    Its last two layers double the map each (kernel 2, stride 2), so no two of their outputs share an input: they are
    1 x 1 convolutions to four times the channels, and one move of 4 x 4 pixels at the end. The same bits in float32.
    OpenVINO has these in bf16, and the sigmoid in sixteen channels; the transposed ones it runs in float32, and the
    sigmoid of a single channel one number at a time: a sixth of the detector.
    """
    sigmoid = _input_of(model.get_results()[0])
    last = _input_of(sigmoid) if sigmoid.get_type_name() == "Sigmoid" else None
    relu = _input_of(_input_of(last)) if _is_doubling(last) else None
    first = _input_of(relu) if relu is not None and relu.get_type_name() == "Relu" else None
    if not _is_doubling(first):
        return model
    import openvino.opset13 as ops

    inner, outer = (_weights_of(_input_of(node)) for node in (first, last))
    wide = inner.transpose(2, 3, 1, 0).reshape(-1, len(inner), 1, 1)
    folded = ops.relu(_shifted(ops, _convolved(ops, _input_of(first).input_value(0), wide), _weights_of(first), 4))
    folded = _shifted(ops, _convolved(ops, folded, _spread(outer)), _weights_of(last), 16)
    whole = ops.depth_to_space(ops.sigmoid(folded), "blocks_first", 4)
    return type(model)([whole.output(0)], model.get_parameters(), model.get_friendly_name())


def _spread(kernel: Tensor) -> Tensor:
    """A doubling kernel (channels, 1, 2, 2) over four groups of channels (a, b): (16, 4 * channels, 1, 1).

    Output 8a + 4p + 2b + q is pixel (2a + p, 2b + q) of its 4 x 4.
    """
    spread = np.zeros((2, 2, 2, 2, 2, 2, len(kernel)), dtype=np.float32)
    for a, b in np.ndindex(2, 2):
        spread[a, :, b, :, a, b] = kernel[:, 0].transpose(1, 2, 0)
    return spread.reshape(16, -1, 1, 1)


def _is_doubling(node: Any | None) -> bool:
    """Whether a node adds its shift to a transposed convolution of kernel and stride 2 without padding."""
    if node is None or node.get_type_name() != "Add":
        return False
    layer = _input_of(node)
    if layer.get_type_name() != "ConvolutionBackpropData" or layer.get_input_size() != 2:
        return False
    attributes = layer.get_attributes()
    plain = all(attributes[name] == value for name, value in _DOUBLING.items())
    constants = [_input_of(layer, 1), _input_of(node, 1)]
    if not plain or any(one.get_type_name() != "Constant" for one in constants):
        return False
    return list(constants[0].shape)[2:] == [2, 2]


def _convolved(ops: Any, source: Any, kernel: Tensor) -> Any:
    return ops.convolution(source, ops.constant(kernel), [1, 1], [0, 0], [0, 0], [1, 1])


def _shifted(ops: Any, source: Any, shift: Tensor, times: int) -> Any:
    return ops.add(source, ops.constant(np.tile(shift.reshape(-1), times).reshape(1, -1, 1, 1)))


def _input_of(node: Any, at: int = 0) -> Any:
    """The node that gives an input; those that pass it on as it is are left out."""
    node = node.input_value(at).get_node()
    return _input_of(node) if node.get_type_name() == "Identity" else node


def _weights_of(node: Any) -> Tensor:
    return np.asarray(_input_of(node, 1).get_data(), dtype=np.float32)
