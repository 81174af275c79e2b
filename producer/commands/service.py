"""What every command needs: the running system, options with one meaning everywhere, errors as exit statuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from producer.client import OcrFleetClient
from producer.contract.errors import OcrFleetError
from producer.exit_codes import ExitCode, exit_code_of
from producer.settings import Settings, load_settings

if TYPE_CHECKING:
    from producer.direct import Producer

Service: TypeAlias = "Producer | OcrFleetClient"
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else")]
Server = Annotated[str | None, typer.Option(help="Address of the HTTP API; default: OCRFLEET_SERVER, else Redis")]
TimeoutS = Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait")]
OfOwner = Annotated[
    str | None, typer.Option("--owner", help="Whose jobs, for the operator and admins; default: your own")
]
JobId = Annotated[str, typer.Argument(metavar="JOB")]


@contextmanager
def service(server: str | None, as_json: bool) -> Iterator[Service]:
    """The running system: over HTTP where a server is named, else straight to Redis and the store."""
    with errors(as_json):
        settings: Settings = load_settings()
        address = server or settings.server
        found: Service
        if address:
            key = settings.api_key.get_secret_value() if settings.api_key else None
            found = OcrFleetClient(address, api_key=key)
        else:
            # Loaded here: over HTTP neither Celery nor Redis is needed, and both are slow to import.
            from producer.connect import connect

            found = connect(settings)
        try:
            yield found
        except KeyboardInterrupt as interrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from interrupt
        finally:
            found.close()


@contextmanager
def errors(as_json: bool) -> Iterator[None]:
    """Print a known error with its code, and leave with the exit status that belongs to it."""
    try:
        yield
    except OcrFleetError as error:
        if as_json:
            typer.echo(json.dumps({"error": {"code": error.code, "message": error.message, "details": error.details}}))
        typer.echo(f"error [{error.code}]: {error.message}", err=True)
        raise typer.Exit(exit_code_of(error)) from error
