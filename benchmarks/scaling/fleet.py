"""A fleet on this machine: a node a core, an io node, and a Redis as a fleet has it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.scaling.figures import Figures, Strangers
from producer.connect import connect
from producer.contract.fleet import WorkerState
from producer.contract.jobs import Job, JobState
from producer.direct import Producer
from producer.settings import Settings
from tests.faults.nodes import Node, nothing_left
from tests.servers.process import wait_until
from tests.servers.redis import redis_server

_WAIT_S, _READY_S = 600, 180


@dataclass(kw_only=True, slots=True)
class MeasuredFleet:
    """Nodes on a core each. Jobs have the options that a caller has who names none."""

    producer: Producer
    folder: Path
    environment: dict[str, str]
    stack: ExitStack
    nodes: list[Node] = field(default_factory=list)

    def add_node(self, core: int) -> None:
        """Start one more, and wait until all take work. Raises: RuntimeError."""
        # `nothing_left` finds its processes by the folder in their environment.
        own = {"TMPDIR": str(self.folder), "OCRFLEET_WORKER_CORES": json.dumps([core])}
        self.nodes.append(self.stack.enter_context(Node("device", self.folder, {**self.environment, **own})))

        def all_ready() -> bool:
            ready = [one for one in self.producer.fleet().workers if one.state is WorkerState.READY]
            return len(ready) == len(self.nodes)

        wait_until(all_ready, lambda: "\n".join(node.tail() for node in self.nodes), timeout_s=_READY_S)

    def read(self, files: Sequence[bytes], *, pages: int) -> Figures:
        """Submit the files, of so many pages in all, and measure until the last job has ended.

        Raises: RuntimeError: a job did not succeed.
        """
        readers, everybody, strangers = self._processor_s(), _processor_s_of_all(), Strangers()
        jobs = self._ended([self.producer.submit(data).id for data in files])
        read_s, ours_s = self._processor_s() - readers, _processor_s_of_all() - everybody
        return Figures(
            processes=len(self.nodes),
            pages_per_s=pages / _span_s(jobs),
            processor_s_a_page=read_s / pages,
            others_processor_s_a_page=(ours_s - read_s) / pages,
            elsewhere_share=strangers.share(ours_s),
        )

    def _ended(self, job_ids: Sequence[str]) -> list[Job]:
        # The last one first: those before it have ended by then, and are asked for once.
        jobs = [self.producer.wait(job_id, timeout_s=_WAIT_S) for job_id in reversed(job_ids)]
        if any(job.status is not JobState.SUCCEEDED for job in jobs):
            raise RuntimeError("a job did not succeed: its time says nothing")
        return jobs

    def _processor_s(self) -> float:
        return sum(_of_processes(node.children()) for node in self.nodes)


@contextmanager
def measured_fleet() -> Iterator[MeasuredFleet]:
    """A fleet without a device node yet."""
    with ExitStack() as stack:
        server = stack.enter_context(redis_server(fsync="everysec"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(nothing_left(folder))
        store_url = (folder / "objects").as_uri()
        environment = {"OCRFLEET_REDIS_URL": server.url, "OCRFLEET_STORE_URL": store_url}
        producer = connect(Settings(redis_url=server.url, store_url=store_url))
        stack.callback(producer.close)
        stack.enter_context(Node("io", folder, environment))
        yield MeasuredFleet(producer=producer, folder=folder, environment=environment, stack=stack)


def _span_s(jobs: Sequence[Job]) -> float:
    """From the first claim to the last end, by the clock of Redis."""
    started = min(job.started_at for job in jobs if job.started_at)
    return (max(job.finished_at for job in jobs if job.finished_at) - started).total_seconds()


def _processor_s_of_all() -> float:
    """Of this process and everything below it."""
    here = psutil.Process()
    return _of_processes([os.getpid(), *(child.pid for child in here.children(recursive=True))])


def _of_processes(pids: Sequence[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(time.user + time.system for time in times)
