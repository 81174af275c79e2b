"""The command about the fleet: its workers, and the work of each kind of device."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from producer.commands.service import AsJson, Server, service
from producer.contract.fleet import FleetView, FleetWorker, KindLoad

_WIDTH = 160  # where the output is no terminal


def fleet(server: Server = None, as_json: AsJson = False) -> None:
    """Show devices, workers, waiting pages and rates."""
    with service(server, as_json) as found:
        view = found.fleet()
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    if as_json:
        console.out(view.model_dump_json())
        return
    console.print(_kinds(view.kinds))
    console.print(_workers(view))
    console.print(
        f"{view.pages_per_second:.2f} pages/s in the last minute; "
        f"{sum(one.pages for one in view.throughput)} pages in the last hour"
    )


def _kinds(kinds: Sequence[KindLoad]) -> Table:
    table = _table(
        "kind",
        "workers",
        "desired",
        "waiting pages",
        "high/normal/low",
        "running",
        "oldest waits",
        "pages/s, last minute",
    )
    for one in kinds:
        by = one.by_priority
        table.add_row(
            *(one.kind, str(one.workers), str(one.desired_workers), str(one.waiting_pages)),
            f"{by.high}/{by.normal}/{by.low}",
            str(one.running_pages),
            "-" if one.oldest_waiting_s is None else f"{one.oldest_waiting_s:.0f} s",
            f"{one.pages_per_second:.2f}",
        )
    return table


def _workers(view: FleetView) -> Table:
    table = _table("worker", "device", "state", "runtime", "pages", "pages/s while reading", "memory")
    for worker in view.workers:
        table.add_row(*_worker_row(worker))
    return table


def _worker_row(worker: FleetWorker) -> tuple[str, ...]:
    return (
        *(worker.id, worker.device, worker.state, worker.runtime or "-", str(worker.pages_done)),
        f"{worker.pages_per_second:.2f}",
        f"{worker.resident_bytes >> 20} MiB",
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column)
    return table
