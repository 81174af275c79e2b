"""The whole system under fire: Redis behind a proxy, a file store, a receiver, an io node and two device nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from tests.faults.caseload import DRAINED_S, SECRET, Caseload
from tests.faults.nodes import Node, Role, nothing_left, stand_in
from tests.faults.receiver import faulty_receiver
from tests.faults.redis_control import RedisControl, redis_control
from tests.faults.tcp_proxy import TcpProxy, tcp_proxy
from tests.servers.process import wait_until

LEASE_S, VISIBILITY_S, PAGE_TIMEOUT_S, STOP_S = 2.0, 3.0, 6.0, 4.0
UNIT_PAGES, MAX_ATTEMPTS = 2, 3
MEMORY_LIMIT_MIB = 700  # a stand-in worker has less than 200

# What happens at each failpoint of a device node once `arm` was called.
FAILPOINTS: Mapping[str, str] = MappingProxyType(
    {
        "after_claim": "kill",
        "after_plan": "kill",
        "before_put": "kill",
        "after_put": "kill",
        "after_commit": "kill",
        "before_complete": "kill",
        "after_complete": "kill",
        "before_finish": "kill",
        "after_finish": "kill",
        "before_ack": "kill",
        "heartbeat": "raise",
    }
)

# Everything that is waited for is short, so that a test is over in seconds.
SHORT_TIMES: Mapping[str, str] = MappingProxyType(
    {
        "OCRFLEET_WORKER_LEASE_S": str(LEASE_S),
        "OCRFLEET_WORKER_HEARTBEAT_S": "0.5",
        "OCRFLEET_VISIBILITY_TIMEOUT_S": str(VISIBILITY_S),
        "OCRFLEET_PAGE_TIMEOUT_S": str(PAGE_TIMEOUT_S),
        "OCRFLEET_WORKER_STOP_S": str(STOP_S),
        "OCRFLEET_WORKER_MEMORY_LIMIT_MIB": str(MEMORY_LIMIT_MIB),
        "OCRFLEET_WORKER_MAX_MEMORY_PER_CHILD_KIB": str(500 * 1024),
    }
)


class Fleet:
    """Nodes to break, and the caseload they work on.

    `first` and `second` are device nodes, `io` delivers and mends; they reach Redis through `proxy`. Between tests
    `renew` mends whatever is broken and deletes what was submitted.
    """

    def __init__(
        self, folder: Path, jobs: Caseload, control: RedisControl, proxy: TcpProxy, times: Mapping[str, str]
    ) -> None:
        self.folder, self.jobs, self.control, self.proxy = folder, jobs, control, proxy
        self.environment = {
            "OCRFLEET_REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0",
            "OCRFLEET_STORE_URL": str(jobs.settings.store_url),
            "OCRFLEET_DATA_DIR": str(folder),
            "OCRFLEET_WEBHOOK_SECRET": SECRET,
            "OCRFLEET_ALLOW_PRIVATE_URLS": "true",
            "OCRFLEET_UNIT_PAGES": str(UNIT_PAGES),
            "OCRFLEET_MAX_ATTEMPTS": str(MAX_ATTEMPTS),
            "OCRFLEET_WORKER_FAILPOINT": ",".join(f"{name}:{action}:1" for name, action in FAILPOINTS.items()),
            "OCRFLEET_WORKER_FAILPOINT_DIR": str(folder),
            "TMPDIR": str(jobs.temporary),
            **times,
            **stand_in(folder),
        }
        self.disarm()
        self.io, self.first, self.second = self.node("io"), self.node("device"), self.node("device")

    def node(self, role: Role = "device", environment: Mapping[str, str] = MappingProxyType({})) -> Node:
        """One more node like those of the fleet; the caller ends it. `environment` goes above the fleet's own."""
        return Node(role, self.folder, {**self.environment, **environment})

    def nodes(self) -> tuple[Node, Node, Node]:
        return self.io, self.first, self.second

    def arm(self, failpoint: str) -> None:
        """The next device worker that comes by `failpoint` dies there, or its heartbeat thread does; once."""
        self._fired(failpoint).unlink()

    def wait_fired(self, failpoint: str) -> None:
        wait_until(
            self._fired(failpoint).exists, lambda: self.story(f"nobody came by {failpoint}"), timeout_s=DRAINED_S
        )

    def disarm(self) -> None:
        """No failpoint does anything: each has fired as often as it may."""
        for failpoint in FAILPOINTS:
            self._fired(failpoint).touch()

    def _fired(self, failpoint: str) -> Path:
        return self.folder / f"{failpoint}.1"

    def wait_ready(self) -> None:
        """Return once every node takes work. Raises: RuntimeError, with the end of a log."""
        for node in self.nodes():
            node.wait_ready()

    def heal(self) -> None:
        """Mend whatever is broken; nodes that died are started again, and need not be up yet."""
        self.proxy.heal()
        self.control.heal()
        self.jobs.desk.order(None)
        self.disarm()
        self.replace_dead()
        for node in self.nodes():
            node.resume()

    def renew(self) -> None:
        """As new: nothing broken, nothing submitted, every node up."""
        self.heal()
        self.wait_ready()
        self.jobs.forget_all()

    def replace_dead(self) -> None:
        """Start a node for each whose main process is gone, as whatever runs a fleet does."""
        for name in ("io", "first", "second"):
            node: Node = getattr(self, name)
            if not node.is_running():
                node.kill_group()
                setattr(self, name, self.node(node.role))

    def revive(self) -> None:
        """Return once every node takes work. A node whose child is killed while it starts ends, and is started again.

        Raises: RuntimeError, with the end of a log.
        """
        with suppress(RuntimeError):
            self.wait_ready()
        self.replace_dead()
        self.wait_ready()

    def holder(self, job_id: str) -> Node:
        """The device node that works on the job, once one does. Raises: RuntimeError."""
        found: list[Node] = []

        def is_held() -> bool:
            pids = set(self.jobs.collector.holders(job_id))
            found[:] = [node for node in (self.first, self.second) if pids & set(node.children())]
            return bool(found)

        wait_until(is_held, lambda: self.story("nobody works on the job"), timeout_s=DRAINED_S)
        return found[0]

    def other(self, node: Node) -> Node:
        """The device node beside this one."""
        return self.second if node is self.first else self.first

    def check(self, *, timeout_s: float = DRAINED_S) -> None:
        """Wait until nothing is left to do, and fail unless the ledger is even."""
        try:
            self.jobs.drain(timeout_s=timeout_s)
        except RuntimeError as error:
            raise AssertionError(self.story(str(error))) from error
        found = self.jobs.settle()
        assert found == [], self.story("\n".join(map(str, found)))

    def story(self, what: str) -> str:
        """For the reader of a failure: the ends of the nodes' logs below what happened."""
        return "\n".join([what, *(f"--- {node.log.name}\n{node.tail(25)}" for node in self.nodes())])

    def close(self) -> None:
        for node in self.nodes():
            node.kill_group()


@contextmanager
def running_fleet(folder: Path, *, times: Mapping[str, str] = SHORT_TIMES) -> Iterator[Fleet]:
    """A fleet that is up, with a Redis of its own that writes every answered change to disk first."""
    with ExitStack() as stack:
        stack.enter_context(nothing_left(folder))
        control = stack.enter_context(redis_control())
        proxy = stack.enter_context(tcp_proxy(control.server.port))
        jobs = Caseload(folder, control, stack.enter_context(faulty_receiver(SECRET)))
        stack.callback(jobs.close)
        fleet = Fleet(folder, jobs, control, proxy, times)
        stack.callback(fleet.close)
        fleet.wait_ready()
        yield fleet
