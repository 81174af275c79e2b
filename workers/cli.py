"""The `ocrfleet` command: the commands of all three packages, each loaded when it is used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from producer import cli as producer_cli
from producer.contract.errors import OcrFleetError
from producer.exit_codes import exit_code_of
from producer.logs import configure_logs

app = typer.Typer(
    name="ocrfleet",
    help="Documents to text at scale, asynchronously, on any device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
producer_cli.register(app)

Processes = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=64,
        help="Processes of a node, each with engines of its own. Default: on the CPU one for each core, as memory "
        "allows; on an accelerator one",
    ),
]


@app.command()
def worker(
    device: Annotated[str, typer.Option(help="What to pin to: `cpu`, `gpu:0`, `npu:0`; `auto`: what is there")] = "cpu",
    processes: Processes = None,
    role: Annotated[str, typer.Option(help="`device` reads pages; `io` delivers webhooks and mends")] = "device",
) -> None:
    """Run one worker: a Celery node pinned to one device."""
    from workers.fleet.node import run_node

    run_node(device=device, processes=processes, role=role)


@app.command()
def autoscale(
    most: Annotated[int, typer.Option("--max", min=1, max=1024, help="Nodes that this machine has room for")],
    device: Annotated[str, typer.Option(help="What each node is pinned to")] = "cpu",
) -> None:
    """Start and drain nodes on this machine, as the work needs them; the io worker decides how many."""
    from workers.autoscaler.local import run_local_scaler

    run_local_scaler(device=device, most=most)


@app.command()
def up(
    devices: Annotated[
        str | None, typer.Option(help="A node on each: `cpu,gpu:0`; `cpu,cpu` shares the cores out. Default: all found")
    ] = None,
    processes: Processes = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the API; 0 for a free one")] = 8080,
    data_dir: Annotated[Path | None, typer.Option(help="Where Redis and the object store keep their data")] = None,
) -> None:
    """Run the whole system on this machine until Ctrl-C."""
    from workers.fleet.supervisor import run_until_stopped

    run_until_stopped(devices=devices, processes=processes, port=port, data_dir=data_dir)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for data and results")] = Path("build/demo"),
) -> None:
    """Read the sample documents through the whole system, and say what was read, and how fast."""
    from workers.demo.story import run_demo

    raise typer.Exit(run_demo(out))


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def ocr(context: typer.Context) -> None:
    """Read documents here and now, without a queue."""
    # The engine's own command, run under this name; loaded late because it needs numpy and a runtime.
    from ocr_engine.cli import main as ocr_main

    sys.argv = ["ocrfleet ocr", *context.args]
    ocr_main()


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def models(context: typer.Context) -> None:
    """List, download and verify the models."""
    from ocr_engine.models_cli import main as models_main

    sys.argv = ["ocrfleet models", *context.args]
    models_main()


def main() -> None:
    """Entry point of `ocrfleet`."""
    # To standard error, whatever a command prints. The parts of a system choose their format once they have settings.
    configure_logs("console")
    try:
        app()
    except OcrFleetError as error:
        typer.echo(f"error [{error.code}]: {error.message}", err=True)
        sys.exit(exit_code_of(error))
