"""OpenVINO on the CPU. With `openvino_graph` and `openvino_rewrites` the only importer of openvino."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ocr_engine.errors import InternalError, InvalidRequest, ModelUnavailable, OutOfMemory, is_no_memory
from ocr_engine.runtimes import best_of, openvino_rewrites
from ocr_engine.runtimes.compiled import Compiled, CompiledCache
from ocr_engine.runtimes.openvino_graph import body_with, classifier_of, head_of
from ocr_engine.runtimes.openvino_rewrites import cheaper
from ocr_engine.runtimes.plan import RuntimePlan
from ocr_engine.runtimes.shortlist import doubted, likely_classes, shortlist_of
from ocr_engine.runtimes.weights import Weights
from ocr_engine.types import Classes, Tensor

_PRECISIONS = ("f32", "bf16")
# Numbers in a batch above which its memory is not kept: a page is above, and a line of more than 800 pixels.
_LARGE = 3 * 48 * 800
# Rows in a call of the classifier are a multiple of the first, as every other number would be one more shape to plan,
# and at most the second: more are no faster, and all classes of a row take 75 kB twice.
_ROWS, _MOST_ROWS = 16, 64
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
        # of different sizes; with 200 it rests, in the same time. Lines come back to a few dozen widths: a recogniser
        # that keeps the kernels of all is 8 % faster.
        "CPU_RUNTIME_CACHE_CAPACITY": 1000 if plan.few_shapes else 200,
    }
    if "cache_dir" in plan.config:
        properties["CACHE_DIR"] = str(plan.config["cache_dir"])
    return properties


class OpenVinoRuntime:
    """One ONNX model on the CPU, its shapes left open. `run` and `best` may be called from several threads.

    Where the arithmetic is free, `best` compares a step of a recogniser with all classes only if a shortlist leaves
    doubt.
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
            networks, self._metadata = _compiled(core, weights, plan, properties)
        except (RuntimeError, MemoryError) as error:
            if is_no_memory(error):
                raise OutOfMemory from error
            raise ModelUnavailable(f"OpenVINO cannot load these weights: {error}") from error
        self.precision = str(properties["INFERENCE_PRECISION_HINT"])
        streams = int(properties["NUM_STREAMS"])
        self._network, *heads = (_Requests(network, streams) for network in networks)
        self._head = heads[0] if heads else None
        self._classes = _likely(self._metadata, plan, heads[0].width) if heads else None

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._metadata

    def run(self, batch: Tensor, /) -> Tensor:
        if self._head is None:
            return self._network.infer(batch, _first)
        steps = self._network.infer(batch, _first)
        found = self._head.infer(steps.reshape(-1, steps.shape[2]), _first)
        return found.reshape(*steps.shape[:2], -1)

    def run_all(self, batch: Tensor, /) -> tuple[Tensor, ...]:
        if self._head is not None:
            return (self.run(batch),)
        return self._network.infer(batch, lambda outputs: tuple(np.array(one, dtype=np.float32) for one in outputs))

    def best(self, batch: Tensor, /) -> tuple[Classes, Tensor]:
        if self._head is None or self._classes is None:
            return self._network.infer(batch, lambda outputs: best_of(outputs[0]))
        likely = self._classes

        def among_likely(outputs: Sequence[Tensor]) -> tuple[Classes, Tensor, npt.NDArray[np.bool_], Tensor]:
            steps, probabilities, ahead = outputs
            at, scores = best_of(probabilities)
            doubt = doubted(ahead)
            return likely[at], scores, doubt, steps[doubt]

        classes, scores, doubt, steps = self._network.infer(batch, among_likely)
        parts = [steps[at : at + _MOST_ROWS] for at in range(0, len(steps), _MOST_ROWS)]
        if parts:
            found = [_best_of_all(self._head, part) for part in parts]
            classes[doubt], scores[doubt] = (np.concatenate(each) for each in zip(*found, strict=True))
        return classes, scores


class _Requests:
    """A compiled network and as many requests as streams: a caller waits for a free one.

    A stream keeps the memory of its largest batch, a quarter of a gigabyte for a page: after a large one it is
    released, which costs nothing measurable.
    """

    # Any, here and below: the library's objects, whose types are only known once it is imported.
    def __init__(self, network: Any, streams: int) -> None:
        import openvino

        self._tensor = openvino.Tensor
        self._free: SimpleQueue[Any] = SimpleQueue()
        self._network = network
        self._is_swollen = False
        self._streams = streams
        for _ in range(streams):
            self._free.put(network.create_infer_request())

    @property
    def width(self) -> int:
        """The last dimension of the first output."""
        return int(self._network.outputs[0].get_partial_shape()[-1].get_length())

    def infer(self, batch: Tensor, take: Callable[[Sequence[Tensor]], _Result]) -> _Result:
        """Run the network and `take` what is wanted from its outputs, which belong to the request."""
        request = self._free.get()
        try:
            # By its own type and by no name: the library looks for either through functions that are cold by then.
            outputs = request.infer(self._tensor(batch, shared_memory=True), share_outputs=True).values()
            return take(tuple(outputs))
        except (RuntimeError, MemoryError) as error:
            if is_no_memory(error):
                raise OutOfMemory from error
            raise InternalError(f"OpenVINO failed on a batch of shape {batch.shape}: {error}") from error
        finally:
            self._free.put(request)
            self._is_swollen |= batch.size > _LARGE
            if self._is_swollen:
                self._shrink()

    def _shrink(self) -> None:
        """Release what large batches left. The library refuses while a request is busy: then a later call does it."""
        idle: list[Any] = []
        try:
            while len(idle) < self._streams:
                idle.append(self._free.get_nowait())
            self._network.release_memory()
            self._is_swollen = False
        except Empty:
            pass
        finally:
            for request in idle:
                self._free.put(request)


def _best_of_all(head: _Requests, steps: Tensor) -> tuple[Classes, Tensor]:
    """The best class of each step (n, d) and its probability, by the whole classifier."""
    rows = np.zeros((-(-len(steps) // _ROWS) * _ROWS, steps.shape[1]), dtype=np.float32)
    rows[: len(steps)] = steps
    classes, scores = head.infer(rows, lambda outputs: best_of(outputs[0][None, : len(steps)]))
    return classes[0], scores[0]


def _first(outputs: Sequence[Tensor]) -> Tensor:
    return np.array(outputs[0], dtype=np.float32)


def _compiled(
    core: Any, weights: Weights, plan: RuntimePlan, properties: Mapping[str, str | int]
) -> tuple[Sequence[Any], Mapping[str, str]]:
    """The network ready to run, behind it the classifier if it stands alone, and the texts that the weights carry.

    Raises: RuntimeError: the library refuses it.
    """
    import openvino

    cache = CompiledCache(plan.compiled_dir) if plan.compiled_dir is not None else None
    key = _key_of(core, weights, plan, properties) if cache else ""
    kept = cache.get(key) if cache else None
    if kept is not None:
        # What another build of the library made and this one refuses is compiled again.
        with suppress(RuntimeError):
            # The library copies them once; from a stream, three times.
            views = [openvino.Tensor(np.frombuffer(network, dtype=np.uint8)) for network in kept.networks]
            return [core.import_model(view, "CPU", properties) for view in views], kept.metadata
    model = core.read_model(io.BytesIO(weights.read()))
    metadata = _metadata_of(model)
    try:
        models = [model] if plan.exact else _quickened(model, metadata, plan)
        compiled = [core.compile_model(one, "CPU", properties) for one in models]
    except Exception as error:  # the rewrites' own, too: a network may be none that they know
        if plan.exact or is_no_memory(error):
            raise
        warnings.warn(f"a network is run as it was published, which is slower: {error}", RuntimeWarning, stacklevel=2)
        compiled = [core.compile_model(core.read_model(io.BytesIO(weights.read())), "CPU", properties)]
        cache = None  # what is kept there is the rewritten one
    if cache:
        cache.put(key, Compiled(networks=tuple(one.export_model().getvalue() for one in compiled), metadata=metadata))
    return compiled, metadata


def _quickened(model: Any, metadata: Mapping[str, str], plan: RuntimePlan) -> Sequence[Any]:
    """The model in fewer or faster operations; of a recogniser with many classes, its body and its classifier."""
    model = cheaper(model)
    classifier = classifier_of(model)
    likely = None if classifier is None else _likely(metadata, plan, len(classifier.shift))
    if classifier is None or likely is None:
        return [model]
    short = shortlist_of(likely, classifier.weights, classifier.shift)
    return [body_with(model, classifier, short), head_of(model, classifier)]


def _likely(metadata: Mapping[str, str], plan: RuntimePlan, count: int) -> Classes | None:
    """The shortlist of a recogniser with `count` classes, None if its dictionary is not known."""
    text = metadata.get("character")
    return likely_classes(text.removesuffix("\n").split("\n") if text else plan.characters, count)


def _key_of(core: Any, weights: Weights, plan: RuntimePlan, properties: Mapping[str, str | int]) -> str:
    """What a compiled network depends on: its weights, how it is compiled, by which build and for which processor."""
    processor = [str(core.get_property("CPU", name)) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    build = core.get_versions("CPU")["CPU"].build_number
    dictionary = hashlib.sha256("\n".join(plan.characters).encode()).hexdigest()
    parts = [weights.sha256, dictionary, plan.exact, sorted(properties.items()), build, processor]
    return json.dumps([*parts, openvino_rewrites.REVISION])


def _metadata_of(model: Any) -> dict[str, str]:
    """The texts of the ONNX file, which OpenVINO keeps under `framework`."""
    if "framework" not in model.rt_info:
        return {}
    return {name: str(note.value) for name, note in model.rt_info["framework"].items()}
