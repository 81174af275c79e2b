"""Bring the networks of an engine into memory: find their files, all of them first, and open them on one runtime."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np

from ocr_engine.crew import Crew
from ocr_engine.errors import InternalError, InvalidRequest, ModelUnavailable
from ocr_engine.modules.ctc import Alphabet, check_classes
from ocr_engine.modules.line_orientation import LineOrientationClassifier
from ocr_engine.modules.recognition import TextRecognizer
from ocr_engine.modules.squeeze import BUCKET_PX, HEIGHT_PX, rule_of
from ocr_engine.modules.squeeze_reader import SqueezeReader
from ocr_engine.modules.unwarping import Unwarper
from ocr_engine.options import EngineOptions
from ocr_engine.runtimes import Runtime
from ocr_engine.runtimes.onnx_graph import gives_grid, with_grid_output
from ocr_engine.runtimes.plan import PADDLE, PADDLEX, RuntimePlan, plan_runtime
from ocr_engine.runtimes.select import open_onnx, open_paddle
from ocr_engine.runtimes.weights import HeldWeights
from ocr_engine.types import Image
from ocr_engine.zoo.files import ModelFiles
from ocr_engine.zoo.registry import Format, Model, Module, registry
from ocr_engine.zoo.resolve import PADDLE as PADDLE_FORMATS
from ocr_engine.zoo.resolve import Zoo

MODEL_NAME_OPTIONS = {
    Module.DOC_ORIENTATION: "doc_orientation_classify_model_name",
    Module.DOC_UNWARPING: "doc_unwarping_model_name",
    Module.TEXTLINE_ORIENTATION: "textline_orientation_model_name",
    Module.TEXT_DETECTION: "text_detection_model_name",
    Module.TEXT_RECOGNITION: "text_recognition_model_name",
}
_SWITCHES = {
    Module.DOC_ORIENTATION: "use_doc_orientation_classify=False",
    Module.DOC_UNWARPING: "use_doc_unwarping=False",
    Module.TEXTLINE_ORIENTATION: "use_textline_orientation=False",
}


class ModelLoader:
    """The runtime of an engine and the zoo it takes models from.

    plan: the runtime and the device, chosen. labels: use to `name@sha256`, of the models that were found.
    precision: what the network that was opened last computes in.
    """

    def __init__(self, options: EngineOptions, *, exact: bool = True) -> None:
        """`exact`: see `RuntimePlan`.

        Raises: InvalidRequest; DeviceUnavailable; ModelUnavailable: the runtime is not installed.
        """
        self._options = options
        threads = options.cpu_threads or _allowed_cpus()
        self.labels: dict[str, str] = {}
        self.precision = ""
        self._zoo = Zoo.at(options.model_cache_dir, options.model_source)
        plan = plan_runtime(options, threads=threads, exact=exact)
        self.plan = replace(plan, compiled_dir=self._zoo.cache.folder / ".compiled")
        self._formats = _formats_of(self.plan)
        # OpenCV would otherwise use every core of the machine, whatever this process may have.
        cv2.setNumThreads(threads)

    def find(self, models: Mapping[str, Model]) -> Mapping[str, ModelFiles]:
        """The files of the models, by what each is for, downloaded where they have to be.

        Raises: ModelUnavailable: some cannot be had; it names them all, and the options that would do without.
        """
        found: dict[str, ModelFiles] = {}
        missing: list[tuple[Model, str]] = []
        for use, model in models.items():
            _, directory = self._options.model_of(model.module)
            try:
                found[use] = self._zoo.resolve(model, directory=directory, formats=self._formats)
            except ModelUnavailable as error:
                if directory is not None:
                    raise
                missing.append((model, error.message))
        if missing:
            reasons = "\n".join(message for _, message in missing)
            names = ", ".join(model.name for model, _ in missing)
            advice = self._advice([model for model, _ in missing])
            raise ModelUnavailable(
                f"{reasons}\n{advice}", for_callers=f"{names} cannot be had on this machine. {advice}"
            )
        self.labels = {use: files.label for use, files in found.items()}
        return found

    def open(self, files: ModelFiles, *, streams: int = 1, few_shapes: bool = False) -> Runtime:
        """Load one network, to be run by `streams` threads at once, which share the engine's; see `RuntimePlan`.

        Raises: DeviceUnavailable; ModelUnavailable: the runtime cannot load it.
        """
        characters = files.config.characters or ()
        plan = replace(self.plan, streams=streams, characters=characters, few_shapes=few_shapes)
        params = files.params
        runtime = open_onnx(plan, files) if params is None else open_paddle(plan, files.model, params)
        self.precision = runtime.precision
        return runtime

    def open_unwarper(self, files: ModelFiles) -> Unwarper:
        """UVDoc in the form that the files have; in ONNX the official one is made to tell its grid."""
        if files.params is not None:
            return Unwarper(self.open(files), takes_page=True)
        # Always in float32: a place on the page has more digits than bf16 holds.
        plan = replace(self.plan, exact=True)
        weights = files.read()
        if gives_grid(weights):
            return Unwarper(open_onnx(plan, files))
        return Unwarper(open_onnx(plan, HeldWeights(with_grid_output(weights) or weights)), takes_page=True)

    def open_recognizer(self, files: ModelFiles, *, batch_size: int, crew: Crew | None = None) -> TextRecognizer:
        """The recogniser with its dictionary. Raises: as `open`; InvalidRequest: its network refuses the shape."""
        runtime, alphabet = self._open_with_dictionary(files, crew)
        shape = self._options.text_rec_input_shape
        recognizer = TextRecognizer(runtime, alphabet, batch_size=batch_size, input_shape=shape, crew=crew)
        if shape is not None:
            try:
                recognizer.recognize([_blank(shape)])
            except InternalError as error:
                raise InvalidRequest(
                    f"text_rec_input_shape={tuple(shape)} does not fit {files.name}: {error.message}"
                ) from error
        return recognizer

    def open_squeeze_reader(
        self, files: ModelFiles, *, effort: float, crew: Crew, classifier: LineOrientationClassifier | None
    ) -> SqueezeReader:
        """The recogniser in our own way to read lines. Raises: as `open`."""
        runtime, alphabet = self._open_with_dictionary(files, crew, few_shapes=True)
        check_classes(runtime.run(np.zeros((1, 3, HEIGHT_PX, BUCKET_PX), dtype=np.float32)).shape[2], alphabet)
        return SqueezeReader(runtime, alphabet, rule=rule_of(effort), crew=crew, classifier=classifier)

    def _open_with_dictionary(
        self, files: ModelFiles, crew: Crew | None, *, few_shapes: bool = False
    ) -> tuple[Runtime, Alphabet]:
        runtime = self.open(files, streams=self.plan.threads if crew else 1, few_shapes=few_shapes)
        return runtime, _alphabet(runtime.metadata, files)

    def _advice(self, missing: Sequence[Model]) -> str:
        """What to pass in order to read with what is on this machine."""
        instead, nothing = [], []
        for model in missing:
            here = self._here(model.module)
            option = MODEL_NAME_OPTIONS[model.module]
            switch = _SWITCHES.get(model.module)
            if here:
                also = f" (or {switch})" if switch else ""
                instead.append(f"{option}={' or '.join(repr(name) for name in here)}{also}")
            elif switch:
                instead.append(switch)
            else:
                nothing.append(model.name)
        if nothing:
            reader = f" that reads lang={self._options.lang!r}" if self._options.lang else ""
            return f"No other model{reader} is on this machine in place of {', '.join(nothing)}"
        return f"To read with the models on this machine, pass {', '.join(instead)}"

    def _here(self, module: Module) -> list[str]:
        lang = self._options.lang if module is Module.TEXT_RECOGNITION else None
        names = []
        for model in sorted(registry().models, key=lambda model: not model.is_default):
            if model.module is not module or (lang is not None and lang not in model.languages):
                continue
            if "_seal_" in model.name:
                continue  # finds the round text of stamps, which is nothing to read a page with
            try:
                if self._zoo.local(model, self._formats) is not None:
                    names.append(model.name)
            except ModelUnavailable:
                continue  # a damaged copy is no advice
        return names


def _formats_of(plan: RuntimePlan) -> Sequence[Format]:
    """The formats that a runtime reads. Raises: InvalidRequest."""
    if plan.name == PADDLEX:
        from ocr_engine.paddlex import formats_of

        return formats_of(plan)
    return PADDLE_FORMATS if plan.name == PADDLE else (Format.ONNX,)


def _blank(shape: Sequence[int]) -> Image:
    return np.full((shape[1], shape[2], shape[0]), 255, dtype=np.uint8)


def _alphabet(metadata: Mapping[str, str], files: ModelFiles) -> Alphabet:
    """The dictionary in the weights, else the one in the files beside them."""
    if "character" not in metadata and files.config.characters is not None:
        metadata = {"character": "\n".join(files.config.characters) + "\n"}
    return Alphabet.of(metadata)


def _allowed_cpus() -> int:
    """The processors that this process may use; only Linux can tell them from those of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
