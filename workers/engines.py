"""The engines of one process: its own, and those that jobs ask for."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import structlog

from ocr_engine import EngineOptions, ModelUnavailable, OutOfMemory
from ocr_engine.model_choice import choose_models, used_models
from ocr_engine.options import DEFAULT_PROFILE
from ocr_engine.zoo.registry import Module
from producer.contract.jobs import OcrOptions
from producer.contract.models import ModelChoice
from workers.engine import Engine
from workers.postponing import MODELS_S

Build: TypeAlias = Callable[[Mapping[str, object]], Engine]
# What an engine reads pages with: its profile, the name of the model of each step, and folders that hold others.
_Readers: TypeAlias = tuple[str, frozenset[tuple[str, str]], tuple[Path | None, ...]]

_READING = (Module.TEXT_DETECTION, Module.TEXT_RECOGNITION)
_READERS = {f"{module.value}_model_{what}" for module in _READING for what in ("name", "dir")}
_SWITCHES = ("use_doc_orientation_classify", "use_doc_unwarping", "use_textline_orientation")
# Shorter than a job waits for its next try, which is to be a real one.
_MISSING_S, _MISSING_MOST = 0.8 * MODELS_S, 64
_log = structlog.get_logger(__name__)


class Engines:
    """As many engines as a process may keep; the one that was longest out of use makes way for a new one.

    A job that chooses nothing, or what an engine has anyway, is read by that one. What could not be had is not tried
    again for a while: the hosts of models may take their time to say no.
    """

    def __init__(self, build: Build, options: Mapping[str, object], *, most: int) -> None:
        """build: an engine of the options it is given, of those that are not None. options: of the worker's own."""
        self._build = build
        self._own = EngineOptions.parse(options)
        self._most = most
        self._kept: dict[_Readers, Engine] = {}
        self._missing: dict[_Readers, tuple[float, str, str]] = {}

    def of(self, asked: OcrOptions) -> Engine:
        """The engine for a job. Raises: EngineError: there is no such model, or it cannot be had."""
        options = options_for(self._own, asked)
        readers = _readers(options)
        engine = self._kept.pop(readers, None) or self._loaded(options, readers)
        self._kept[readers] = engine
        return engine

    def at_hand(self, asked: OcrOptions) -> Engine:
        """The engine for a job if it is loaded, else the one used last, else the worker's own. Raises: EngineError."""
        readers = _readers(options_for(self._own, asked))
        return self._kept.get(readers) or next(reversed(self._kept.values()), None) or self.of(OcrOptions())

    def _loaded(self, options: EngineOptions, readers: _Readers) -> Engine:
        missing_until_s, why, for_callers = self._missing.get(readers, (0.0, "", ""))
        if time.monotonic() < missing_until_s:
            raise ModelUnavailable(why, for_callers=for_callers)
        self._shrink_to(self._most - 1)
        began_s = time.monotonic()
        try:
            engine = self._build(_given(options))
        except ModelUnavailable as error:
            self._missing.pop(readers, None)
            known = (time.monotonic() + _MISSING_S, error.message, error.for_callers)
            self._missing = {readers: known} | self._missing
            self._missing = dict(list(self._missing.items())[:_MISSING_MOST])
            raise
        except (OutOfMemory, MemoryError):
            self._shrink_to(0)  # room for the next try
            raise
        _log.info(
            "engine_loaded",
            profile=readers[0],
            models=sorted(name for _step, name in readers[1]),
            kept=len(self._kept) + 1,
            took_ms=round((time.monotonic() - began_s) * 1000),
        )
        return engine

    def _shrink_to(self, most: int) -> None:
        while len(self._kept) > most:
            self._kept.pop(next(iter(self._kept))).close()


def options_for(own: EngineOptions, asked: OcrOptions) -> EngineOptions:
    """A worker's options with the choices of a job. Pure. Raises: EngineError: two of them do not go together.

    What a job leaves out stays the worker's: its language beside a job's generation, its recogniser beside a job's
    detector. A model by name takes the place of a folder; a module that is switched on is loaded, and one that is
    switched off is not loaded for a profile that has it.
    """
    chosen = asked.model_dump(include=set(ModelChoice.model_fields), exclude_none=True)
    aside = {name.replace("_name", "_dir") for name in chosen if name.endswith("_model_name")}
    kept: dict[str, str] = {}
    if {"lang", "ocr_version"} & chosen.keys():
        aside |= _READERS
    elif _READERS & chosen.keys() and {own.lang, own.ocr_version} != {None}:
        kept = {
            f"{module.value}_model_name": model.name
            for module, model in choose_models(own).items()
            if module in _READING
        }
        aside |= {"lang", "ocr_version"}
    if chosen.get("profile", DEFAULT_PROFILE) != DEFAULT_PROFILE:
        aside.add("effort")  # no other has it
    switches = {name: getattr(asked, name) for name in _SWITCHES}
    switched = {name: on for name, on in switches.items() if on or (on is False and "profile" in chosen)}
    # Any: checked by the fields that they go to.
    changes: dict[str, Any] = dict.fromkeys(aside) | kept | chosen | switched
    return dataclasses.replace(own, **changes)


def _readers(options: EngineOptions) -> _Readers:
    models = used_models(options, choose_models(options))
    names = frozenset((step, model.name) for step, model in models.items())
    return options.profile or DEFAULT_PROFILE, names, tuple(options.model_of(module)[1] for module in Module)


def _given(options: EngineOptions) -> dict[str, object]:
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    return {name: value for name, value in values.items() if value is not None}
