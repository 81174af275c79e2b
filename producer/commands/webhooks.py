"""The commands about webhook deliveries."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from producer.commands.service import AsJson, JobId, Server, service
from producer.contract.webhooks import DeliveryRecord

app = typer.Typer(help="Webhook deliveries: what came of them, and making one again.", no_args_is_help=True)


@app.command("list")
def list_(job: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """List the deliveries of a job with their attempts."""
    with service(server, as_json) as found:
        deliveries = found.deliveries(job)
        if as_json:
            typer.echo(json.dumps([one.model_dump(mode="json") for one in deliveries]))
            return
        for delivery in deliveries:
            _show(delivery)


@app.command()
def redeliver(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The id of the delivery, `evt_...`")],
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Deliver again, now, with the same id."""
    with service(server, as_json) as found:
        delivery = found.redeliver(event)
        if as_json:
            typer.echo(delivery.model_dump_json())
        else:
            _show(delivery)


def _show(delivery: DeliveryRecord) -> None:
    due = f"  next {delivery.next_attempt_at:%Y-%m-%d %H:%M:%S}" if delivery.next_attempt_at else ""
    typer.echo(f"{delivery.id}  {delivery.type}  {delivery.state}  attempts {delivery.attempts}{due}  {delivery.url}")
    for attempt in delivery.log:
        answer = f"HTTP {attempt.status}" if attempt.status else attempt.error
        typer.echo(f"  {attempt.number:>2}  {attempt.at:%Y-%m-%d %H:%M:%S}  {answer}")
