"""ONNX Runtime on the CPU. The only importer of onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnxruntime

from ocr_engine.errors import InternalError, ModelUnavailable, OutOfMemory
from ocr_engine.types import Tensor

NAME = "onnxruntime"

_LIBRARY_ERRORS = (
    onnxruntime.capi.onnxruntime_pybind11_state.Fail,
    onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf,
    onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented,
    onnxruntime.capi.onnxruntime_pybind11_state.EPFail,
)
# 3 = errors only: the library otherwise writes warnings about the machine to the user's terminal.
_LOG_ERRORS = 3


class OnnxRuntime:
    """One ONNX model on the CPU. Build it in the process that runs it; `run` may be called from several threads."""

    def __init__(self, weights: bytes, /, *, threads: int) -> None:
        """Raises: ModelUnavailable: the bytes are not a model that this version can load."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _LOG_ERRORS
        try:
            self._session = onnxruntime.InferenceSession(
                weights, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except _LIBRARY_ERRORS as error:
            raise ModelUnavailable(f"ONNX Runtime cannot load these weights: {error}") from error
        # The arena makes tensors cheap but would keep the largest page ever seen; shrunk after every run it does not.
        # Measured on receipts: resting memory 1060 -> 460 MB, peak 1060 -> 650 MB, processor time +9 % (without an
        # arena: 600 MB, 1010 MB, +20 %).
        self._run_options = onnxruntime.RunOptions()
        self._run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._input: str = self._session.get_inputs()[0].name
        self._output: str = self._session.get_outputs()[0].name
        self._metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._metadata

    def run(self, batch: Tensor, /) -> Tensor:
        try:
            (output,) = self._session.run([self._output], {self._input: batch}, self._run_options)
        except MemoryError as error:
            raise OutOfMemory from error
        except _LIBRARY_ERRORS as error:
            if "alloc" in str(error):
                raise OutOfMemory from error
            raise InternalError(f"ONNX Runtime failed on a batch of shape {batch.shape}: {error}") from error
        return np.asarray(output, dtype=np.float32)
