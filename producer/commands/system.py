"""The commands about the system itself: serve the API, show the settings, recover."""

from __future__ import annotations

import json
import re
from typing import Annotated

import typer

from producer.commands.service import AsJson, errors
from producer.recover import Found
from producer.settings import Settings, load_settings

_MEANING = {
    Found.RESTORED: "had ended; their records are back, and their webhooks are told again",
    Found.REQUEUED: "had not ended; they run again, without the pages that are stored",
    Found.REPEATED: "had not ended, but were submitted again and answered; they are back as cancelled",
    Found.PRESENT: "have a record, or were deleted; nothing was done",
    Found.OUTDATED: "are past their time; the sweep deletes their objects",
    Found.UNFINISHED: "have no manifest: their submission was never answered",
    Found.UNREADABLE: "have a manifest that cannot be read; see the log",
    Found.KEYS: "of the service are back (API keys)",
}


def api(
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on")] = 8080,
    fd: Annotated[
        int | None, typer.Option(help="A listening socket that the parent process opened", hidden=True)
    ] = None,
) -> None:
    """Serve the HTTP API."""
    from producer.api.serve import serve

    with errors(as_json=False):
        serve(load_settings(), host=host, port=port, fd=fd)


def settings(as_json: AsJson = False) -> None:
    """Show every setting: its environment variable, its value now, and what it means."""
    with errors(as_json):
        now = load_settings()
    rows = [
        (f"OCRFLEET_{name.upper()}", _shown(getattr(now, name)), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        typer.echo(json.dumps({name: {"value": value, "description": meaning} for name, value, meaning in rows}))
        return
    for name, value, meaning in rows:
        typer.echo(f"{name}={value}\n    {meaning}")


def _shown(value: object) -> str:
    """A setting's value as text; a secret as stars, an address without its passwords."""
    text = re.sub(r"(://[^/@:]*:)[^/]*@", r"\1***@", "" if value is None else str(value))
    return re.sub(r"([?&]\w*password=)[^&]*", r"\1***", text)  # those of Sentinels are parameters


def recover(as_json: AsJson = False) -> None:
    """After a loss of Redis: rebuild job records and API keys from the object store, and run what had not ended."""
    from producer.connect import connect_recovery

    with errors(as_json):
        counts = connect_recovery(load_settings()).run()
        if as_json:
            typer.echo(json.dumps(counts))
            return
        for found, count in counts.items():
            typer.echo(f"{count:8}  {found}: {_MEANING[found]}")
