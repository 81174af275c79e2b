"""The whole system on one machine: embedded Redis, API, io worker and device worker, started, watched, drained."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import httpx
import structlog
import typer

from producer.backends.redis_store import RedisJobStore
from producer.contract.errors import InvalidRequest, Unavailable
from producer.contract.fleet import WorkerState
from producer.contract.ports import Fleet
from producer.logs import configure_logs
from producer.misspelt import warn_of_misspelt
from producer.settings import RUNTIME_FILE, Settings, load_settings
from workers.engine_options import check_engine_options
from workers.fleet.care import Care, NodeSeen
from workers.fleet.child_process import Spawner
from workers.fleet.devices import detect
from workers.fleet.embedded_redis import EmbeddedRedis
from workers.fleet.node import checked
from workers.fleet.node_plans import NodePlan, node_plans
from workers.fleet.parts import Part, Parts, drain_s_for
from workers.fleet.rolling import Roll
from workers.fleet.room import available_memory
from workers.fleet.settings_file import SettingsFile
from workers.rounds import go_round
from workers.settings import ALL_SETTINGS, WorkerSettings

_READY_S = 60.0
_HEALTH_S = 3.0  # the API itself gives up a Redis that hangs after 2
_WATCH_S, _CARE_S = 0.2, 2.0
_IDLE_S = 3.0  # a node that reads nothing needs no more to end
_SETTLED_S = 5.0  # API and io worker tell nobody that they work: they do if they have run for so long
_log = structlog.get_logger(__name__)


class System:
    """An embedded system as a context: running inside, what crashes is started again; drained and gone after."""

    def __init__(
        self,
        *,
        data_dir: Path,
        port: int,
        processes: int | None = None,
        devices: Sequence[str] = ("cpu",),
        environment: dict[str, str] | None = None,
        log_file: Path | None = None,
    ) -> None:
        """A node with so many `processes` for each of the `devices`, of which `cpu` may be named several times.

        processes: None: as many as there is room for.

        `environment` is added for every part; `log_file` takes what they would write to standard error.
        """
        self.data_dir = data_dir.resolve()
        # Opened once, here, and inherited by the API: nobody else can take the port, not even between its restarts.
        self._listener = _listen(port)
        self._plans = node_plans(devices, processes=processes or WorkerSettings().processes, memory=available_memory())
        self._lock: TextIO | None = None  # held while this system has the data directory
        self._spawner = Spawner()
        self._redis = EmbeddedRedis(self.data_dir, self._spawner)
        self.is_told_to_stop: Callable[[], bool] = lambda: False  # asked while a start waits, which it then ends
        self._extra = environment or {}
        self._environment: dict[str, str] = {}
        self._parts = Parts(
            spawner=self._spawner,
            output=log_file,
            keep_fds=[self._listener.fileno()],
            drain_s=drain_s_for(WorkerSettings().stop_s),
        )
        self._addresses: dict[str, str] = {}
        self._nodes: dict[str, NodePlan] = {}  # by the name of the part that is a device node
        self._pinned: dict[str, dict[str, str]] = {}  # name of a part -> what its environment has besides
        self._has_new_settings = threading.Event()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)

    @property
    def server(self) -> str:
        """Address of the API."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the system is started with."""
        return self._environment

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:  # also Ctrl-C: nothing started here may stay
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start every part and wait until the API is ready, or until told to stop.

        Raises: Unavailable: also, another system runs in the data directory; InvalidRequest: no such device, no
        engine can be built with the options of the nodes, or the data directory cannot be written.
        """
        worker = WorkerSettings()
        for plan in self._plans:
            # A node checks these too. That it ends is only seen here if it does before the API is ready.
            checked(plan.device, worker)
        check_engine_options(Settings(), worker)
        self._lock = _locked(self.data_dir)
        settings = load_settings() if "OCRFLEET_REDIS_URL" in os.environ else Settings()
        self._addresses = {
            "redis_url": settings.redis_url or self._start_redis(),
            "store_url": settings.store_url or (self.data_dir / "objects").as_uri(),
        }
        self._set_environment(settings)
        for number, plan in enumerate(self._plans):
            name = f"worker {plan.device} {number}"
            self._nodes[name] = plan
            self._launch(name, plan.arguments, plan.environment)
        self._launch("worker io", ["worker", "--role", "io"])
        self._launch("api", ["api", "--fd", str(self._listener.fileno())])
        self._wait_ready()
        self._watcher.start()

    def reload(self) -> None:
        """Have every part take over the settings that this process has now: replaced one after another, nodes first.

        Raises: InvalidRequest: they name another Redis or another store; then nothing changes.
        """
        settings = Settings()
        for name, value in self._addresses.items():
            if getattr(settings, name) not in (None, value):
                setting = f"OCRFLEET_{name.upper()}"
                raise InvalidRequest(f"{setting} cannot change while the system runs; stop it, and start it anew")
        self._set_environment(settings)
        self._has_new_settings.set()

    def check(self) -> None:
        """Raises: Unavailable when the embedded Redis is gone for good, which ends the system."""
        if self._redis.is_lost:
            raise Unavailable(f"the embedded Redis stopped, and does not start again; see {self._redis.log}")

    def _watch(self) -> None:
        """Keep every part running, and look after the nodes. Runs in a thread of its own."""
        care, store = _care(), RedisJobStore(self._environment["OCRFLEET_REDIS_URL"])
        roll = Roll(
            parts=self._parts,
            is_ready=lambda part: self._is_ready(part, store.fleet),
            start_s=WorkerSettings().start_s,
        )
        look_at = 0.0

        def look() -> None:
            nonlocal care, look_at
            self._redis.watch()
            self._parts.watch()
            if self._has_new_settings.is_set():
                self._has_new_settings.clear()
                care = _care()
                roll.begin({name: self._environment | pinned for name, pinned in self._pinned.items()})
            roll.step()
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + _CARE_S
                self._look_after_nodes(care, store.fleet)

        go_round(look, name="watcher", every_s=_WATCH_S, stop=self._stopping)
        store.close()

    def _is_ready(self, part: Part, fleet: Fleet) -> bool:
        """Whether each process of a node takes work; a part that is no node has only to have stayed up."""
        if part.name not in self._nodes:
            return part.is_running and time.monotonic() - part.started_at >= _SETTLED_S
        try:
            own = [worker for worker in fleet.workers() if worker.node == part.node]
        except Unavailable:
            return False
        return sum(worker.state is not WorkerState.STARTING for worker in own) >= self._nodes[part.name].processes

    def _look_after_nodes(self, care: Care, fleet: Fleet) -> None:
        now = time.monotonic()
        nodes = {
            part.node: part
            for part in self._parts.running
            if part.name in self._nodes and part.is_running and not part.kill_at
        }
        seen = [
            NodeSeen(id=node, device=self._nodes[part.name].device, age_s=now - part.started_at)
            for node, part in nodes.items()
        ]
        try:
            found = care.to_replace(seen, fleet.workers(), fleet.load(), now=now)
        except Unavailable as error:
            _log.warning("nodes_unseen", reason=error.message)
            return
        for node, one in found.items():
            self._parts.replace(nodes[node], why=one.why, within_s=_IDLE_S if one.is_idle else None)

    def stop(self) -> None:
        """Drain: running pages finish or are given back, then everything stops. Safe to repeat."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._parts.stop()
        self._redis.stop()
        self._spawner.close()
        self._listener.close()
        if self._lock is not None:
            (self.data_dir / RUNTIME_FILE).unlink(missing_ok=True)
            self._lock.close()

    def _start_redis(self) -> str:
        self._redis.start()
        return self._redis.url

    def _set_environment(self, settings: Settings) -> None:
        secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else self._webhook_secret()
        told = {**self._addresses, "webhook_secret": secret}
        named = {f"OCRFLEET_{name.upper()}": value for name, value in told.items()}
        own = {"OCRFLEET_DATA_DIR": str(self.data_dir), "OCRFLEET_WORKER_SUPERVISED": "true"}
        self._environment = {**os.environ, **own, **named, **self._extra}
        self._write_private(RUNTIME_FILE, json.dumps({**told, "address": self.server, "pid": os.getpid()}))

    def _launch(self, name: str, arguments: list[str], pinned: dict[str, str] | None = None) -> None:
        self._pinned[name] = pinned or {}
        command = [sys.executable, "-m", "workers", *arguments]
        self._parts.start(name, command, self._environment | self._pinned[name])

    def _wait_ready(self) -> None:
        deadline, why = time.monotonic() + _READY_S, "it did not answer"
        while time.monotonic() < deadline:
            if self.is_told_to_stop():
                return
            time.sleep(0.05)
            for part in self._parts.running:
                if not part.is_running:
                    raise Unavailable(f"{part.name} ended with status {part.process.returncode} while starting")
            try:
                answer = httpx.get(f"{self.server}/health/ready", timeout=_HEALTH_S, trust_env=False)
            except httpx.TransportError:
                continue
            if answer.is_success:
                return
            why = _reason(answer)
        redis_at, store_at = self._addresses["redis_url"].rpartition("@")[2], self._addresses["store_url"]
        raise Unavailable(
            f"the API was not ready within {_READY_S:g} s: {why}; Redis is {redis_at}, the object store {store_at}"
        )

    def _webhook_secret(self) -> str:
        """The secret of this data directory; made once, so that receivers keep trusting it."""
        path = self.data_dir / "webhook_secret"
        if not path.exists():
            self._write_private(path.name, "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())
        return path.read_text()

    def _write_private(self, name: str, text: str) -> None:
        """Whole or not at all: others read it meanwhile."""
        unfinished = self.data_dir / f".{name}"
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        unfinished.replace(self.data_dir / name)


def _care() -> Care:
    worker = WorkerSettings()
    return Care(stall_s=worker.stall_s, start_s=worker.start_s, max_age_s=worker.max_age_s)


def _reason(answer: httpx.Response) -> str:
    """What the API says it lacks; the message of its error, where it is one of its own."""
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return f"it answered {answer.status_code}"


def _locked(data_dir: Path) -> TextIO:
    """A file that is ours until it is closed, in a folder that is made for it.

    Two systems would each rewrite the other's jobs away.

    Raises: InvalidRequest: nothing can be written there; Unavailable: another system runs there.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (data_dir / "lock").open("a")
    except OSError as error:
        raise InvalidRequest(
            f"{data_dir} cannot be used ({error.strerror}); choose another folder with --data-dir or OCRFLEET_DATA_DIR"
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise Unavailable(f"another `ocrfleet up` runs in {data_dir}; stop it, or choose another --data-dir") from error
    return file


def _listen(port: int) -> socket.socket:
    """A socket that listens on loopback; 0 takes a free port. Raises: Unavailable."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise Unavailable(f"port {port} cannot be used ({error.strerror}); choose another with --port") from error


def run_until_stopped(*, devices: str | None, processes: int | None, port: int, data_dir: Path | None) -> None:
    """`ocrfleet up`: run until SIGINT or SIGTERM, then drain. devices: with commas between; None: those found here.
    processes: of each node; None: as many as there is room for.

    On SIGHUP the settings file is read again, and all parts are replaced by such with its settings.
    Raises: InvalidRequest, Unavailable.
    """
    stopping: list[int] = []  # no Event: a handler that sets one waits for ever while its thread waits for it
    changed = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: stopping.append(received))
    file = SettingsFile()
    file.load()
    settings = Settings()
    configure_logs(settings.log_format)
    warn_of_misspelt(os.environ, *ALL_SETTINGS)
    if settings.settings_file:  # without one, a terminal that is closed ends the system as it does other commands
        signal.signal(signal.SIGHUP, lambda *_: changed.set())
    system = System(
        data_dir=data_dir or settings.data_dir,
        port=port,
        processes=processes,
        devices=devices.split(",") if devices else detect(WorkerSettings().device_dir),
    )
    system.is_told_to_stop = lambda: bool(stopping)
    with system:
        if not stopping:
            typer.echo(f"OCRFleet is up: {system.server} (API and /docs), data in {system.data_dir}; Ctrl-C stops it")
        while not stopping:
            system.check()
            if changed.is_set():
                changed.clear()
                _take_over(file, system)
            time.sleep(_WATCH_S)
        typer.echo("draining ...")


def _take_over(file: SettingsFile, system: System) -> None:
    """The settings of the file, or what is wrong with them; then everything stays as it is."""
    try:
        file.load()
        system.reload()
    except InvalidRequest as error:
        _log.error("settings_refused", reason=error.message)
