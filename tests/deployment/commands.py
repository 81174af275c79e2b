"""What a deployment file says to our program: its commands and its settings, checked against the program itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

import typer

from producer.settings import Settings
from workers.cli import app
from workers.settings import AutoscaleSettings, WorkerSettings

_DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")
KNOWN = {
    f"{kind.model_config.get('env_prefix')}{name.upper()}"
    for kind in (Settings, WorkerSettings, AutoscaleSettings)
    for name in kind.model_fields
}


def parse(command: str | Sequence[str]) -> str:
    """The name of the subcommand. Raises: click's UsageError: the program does not understand it."""
    words = shlex.split(_DEFAULT.sub(r"\1", command)) if isinstance(command, str) else list(command)
    group = typer.main.get_command(app)
    with group.make_context("ocrfleet", list(words)) as context:
        name, subcommand, rest = group.resolve_command(context, list(words))  # type: ignore[attr-defined]  # a group
        with subcommand.make_context(name, rest, parent=context):
            return str(name)


def unknown(names: Iterable[str]) -> set[str]:
    """Those of the settings that the program does not read."""
    return {name for name in names if name.startswith("OCRFLEET_")} - KNOWN
