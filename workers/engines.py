"""The engines of one process: its own, and those that jobs ask for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import structlog

from ocr_engine import EngineOptions
from ocr_engine.model_choice import choose_models, used_models
from ocr_engine.options import DEFAULT_PROFILE
from ocr_engine.zoo.registry import Module
from producer.contract.jobs import OcrOptions
from producer.contract.models import ModelChoice
from workers.engine import Engine

Build: TypeAlias = Callable[[Mapping[str, object]], Engine]
# What an engine reads pages with: its profile, the name of the model of each step, and folders that hold others.
_Readers: TypeAlias = tuple[str, frozenset[tuple[str, str]], tuple[Path | None, ...]]

# The options that decide which models find and read lines: one that a job names puts all of a worker's aside.
_READING = frozenset(
    {
        "profile",
        "lang",
        "ocr_version",
        "text_detection_model_name",
        "text_recognition_model_name",
    }
)
_SWITCHES = ("use_doc_orientation_classify", "use_doc_unwarping", "use_textline_orientation")
_log = structlog.get_logger(__name__)


class Engines:
    """As many engines as a process may keep; the one that was longest out of use makes way for a new one.

    A job that chooses nothing, or what an engine has anyway, is read by that one.
    """

    def __init__(self, build: Build, options: Mapping[str, object], *, most: int) -> None:
        """build: an engine of the options it is given, of those that are not None. options: of the worker's own."""
        self._build = build
        self._own = EngineOptions.parse(options)
        self._most = most
        self._kept: dict[_Readers, Engine] = {}

    def of(self, asked: OcrOptions) -> Engine:
        """The engine for a job. Raises: EngineError: there is no such model, or it cannot be had."""
        options = options_for(self._own, asked)
        readers = _readers(options)
        engine = self._kept.pop(readers, None) or self._loaded(options, readers)
        self._kept[readers] = engine
        return engine

    def _loaded(self, options: EngineOptions, readers: _Readers) -> Engine:
        while len(self._kept) >= self._most:
            self._kept.pop(next(iter(self._kept))).close()
        engine = self._build(_given(options))
        _log.info(
            "engine_loaded",
            profile=readers[0],
            models=sorted(name for _step, name in readers[1]),
            kept=len(self._kept) + 1,
        )
        return engine


def options_for(own: EngineOptions, asked: OcrOptions) -> EngineOptions:
    """A worker's options with the choices of a job. Pure. Raises: EngineError: two of them do not go together.

    A model that a job names takes the place of a folder of the worker's; a module that it switches on is loaded.
    """
    chosen = asked.model_dump(include=set(ModelChoice.model_fields), exclude_none=True)
    aside = {name.replace("_name", "_dir") for name in chosen if name.endswith("_model_name")}
    if _READING & chosen.keys():
        aside |= {*_READING, "text_detection_model_dir", "text_recognition_model_dir"} - {"profile"}
    if chosen.get("profile", DEFAULT_PROFILE) != DEFAULT_PROFILE:
        aside.add("effort")  # no other has it
    # Any: checked by the fields that they go to.
    changes: dict[str, Any] = dict.fromkeys(aside) | chosen
    return dataclasses.replace(own, **changes | {name: True for name in _SWITCHES if getattr(asked, name)})


def _readers(options: EngineOptions) -> _Readers:
    models = used_models(options, choose_models(options))
    names = frozenset((step, model.name) for step, model in models.items())
    return options.profile or DEFAULT_PROFILE, names, tuple(options.model_of(module)[1] for module in Module)


def _given(options: EngineOptions) -> dict[str, object]:
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    return {name: value for name, value in values.items() if value is not None}
