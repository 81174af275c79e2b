"""The commands about API keys."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from producer.commands.service import AsJson, Server, service
from producer.contract.jobs import DAY_S
from producer.contract.keys import ApiKey, KeyRequest, Scope
from producer.requests import parsed

app = typer.Typer(help="API keys: made, listed, revoked.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What it is for; shown in lists")] = "",
    owner: Annotated[str, typer.Option(help="Whose jobs it makes and sees; owners never see each other's")] = "",
    scope: Annotated[list[Scope] | None, typer.Option(help="Repeat it for several; default: submit and read")] = None,
    days: Annotated[float | None, typer.Option(min=0.001, help="Days until it ends; default: it does not")] = None,
    requests_per_minute: Annotated[int | None, typer.Option(min=1, help="More wait; default: as the service")] = None,
    pages_in_flight: Annotated[
        int | None, typer.Option(min=1, help="More are refused; default: as the service")
    ] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, for the only time."""
    fields: dict[str, object] = {
        "name": name,
        "owner": owner,
        "scopes": scope or (Scope.SUBMIT, Scope.READ),
        "ttl_s": None if days is None else int(days * DAY_S),
        "requests_per_minute": requests_per_minute,
        "pages_in_flight": pages_in_flight,
    }
    with service(server, as_json) as found:
        created = found.create_key(parsed(KeyRequest, fields))
        if as_json:
            typer.echo(created.model_dump_json())
            return
        typer.echo(created.key)
        _show(created.api_key, err=True)


@app.command("list")
def list_(server: Server = None, as_json: AsJson = False) -> None:
    """List every key, oldest first, without its secret."""
    with service(server, as_json) as found:
        keys = found.list_keys()
        if as_json:
            typer.echo(keys.model_dump_json())
            return
        for key in keys.keys:
            _show(key)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="The id of the key, as `keys list` shows it")],
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a key from now on."""
    with service(server, as_json) as found:
        found.revoke_key(key)
        typer.echo(json.dumps({"id": key, "revoked": True}) if as_json else f"{key}  revoked")


def _show(key: ApiKey, *, err: bool = False) -> None:
    ends = f"  ends {key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else ""
    rate = f"  {key.requests_per_minute} requests a minute" if key.requests_per_minute is not None else ""
    pages = f"  {key.pages_in_flight} pages in flight" if key.pages_in_flight is not None else ""
    said = f"{key.id}  owner {key.owner or '-'}  {','.join(key.scopes)}{rate}{pages}{ends}  {key.name}"
    typer.echo(said.rstrip(), err=err)
