"""Plans of a runtime for some options, without its library."""

from __future__ import annotations

from ocr_engine.options import EngineOptions, OptionValue
from ocr_engine.runtimes.plan import RuntimePlan, plan_runtime


def planned(**options: OptionValue) -> RuntimePlan:
    """The plan for some options on a machine where every library is installed."""
    return plan_runtime(EngineOptions.parse(options), threads=3, installed=lambda name: True, on_gpu=lambda name: False)


def planned_with(installed: set[str], **options: OptionValue) -> RuntimePlan:
    """The same where only the named libraries are installed."""
    return plan_runtime(EngineOptions.parse(options), threads=3, installed=installed.__contains__)
