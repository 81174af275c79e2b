"""A file that a node touches while its event loop turns: what a container's health check looks at."""

from __future__ import annotations

from typing import Protocol

from celery import bootsteps

from workers.settings import WorkerSettings

_EVERY_S = 5.0  # docker/alive gives it a minute


class _Timer(Protocol):
    def call_repeatedly(self, secs: float, fun: object, args: tuple[object, ...]) -> object: ...


class _Consumer(Protocol):
    timer: _Timer


class AliveFile(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Touches the file of `OCRFLEET_WORKER_ALIVE_FILE`. A step of the consumer: its timers end with its connection."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: _Consumer, **options: object) -> None:
        super().__init__(parent, **options)
        self._path = WorkerSettings().alive_file

    def start(self, parent: _Consumer) -> None:
        """Runs in the node's main process each time that it begins to consume."""
        if self._path is not None:
            self._path.touch()
            parent.timer.call_repeatedly(_EVERY_S, self._path.touch, ())

    def stop(self, parent: _Consumer) -> None:
        """Nothing: the timer is cleared with the connection, and the file grows old."""
