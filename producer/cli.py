"""The commands of the job side, put together."""

from __future__ import annotations

from collections.abc import Callable

import typer

from producer.commands import dead, fleet, jobs, keys, results, submit, system, webhooks

_FOLLOW: tuple[Callable[..., None], ...] = (submit.submit, jobs.status, jobs.wait, results.result)
_MANAGE: tuple[Callable[..., None], ...] = (jobs.cancel, jobs.retry, jobs.delete)
_SYSTEM: tuple[Callable[..., None], ...] = (fleet.fleet, system.recover, system.api, system.settings)


def register(app: typer.Typer) -> None:
    """Add the producer's commands to the `ocrfleet` command."""
    for command in _FOLLOW + _MANAGE:
        app.command()(command)
    app.command("list")(jobs.list_)
    app.add_typer(dead.app, name="dead")
    app.add_typer(webhooks.app, name="webhooks")
    app.add_typer(keys.app, name="keys")
    for command in _SYSTEM:
        app.command()(command)
