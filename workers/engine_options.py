"""What the engines of a node are built with: the settings of every node, and above them its own options."""

from __future__ import annotations

import warnings

from producer.contract.errors import InvalidRequest
from producer.settings import Settings
from workers.settings import WorkerSettings


def engine_options(settings: Settings, worker: WorkerSettings) -> dict[str, object]:
    """By name; what nobody has set is left out."""
    shared = {
        "profile": settings.profile,
        "engine": settings.runtime,
        "model_cache_dir": settings.model_dir,
        "model_source": settings.model_source,
    }
    return {name: value for name, value in shared.items() if value is not None} | worker.options


def check_engine_options(settings: Settings, worker: WorkerSettings) -> None:
    """Refuse a node's own options before it is started. Loads no model, and arrays only where there is an option.

    Raises: InvalidRequest: no engine can be built with them.
    """
    if not worker.options:
        return
    # Loaded here: who starts a node without options of its own needs no arrays.
    from ocr_engine import EngineError, EngineOptions
    from ocr_engine.model_choice import choose_models

    try:
        with warnings.catch_warnings(action="ignore"):  # the node says it, too
            choose_models(EngineOptions.parse(engine_options(settings, worker)))
    except EngineError as error:
        raise InvalidRequest(f"settings: OCRFLEET_WORKER_OPTIONS: {error.message}") from error
