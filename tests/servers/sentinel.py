"""A master, a replica of it, and a Sentinel that watches them and makes the replica the master when it has to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.servers.process import ServerProcess, free_ports, scratch_folder, wait_until
from tests.servers.redis import binary
from tests.servers.tls import tls_front

NAME = "ocr"
DOWN_AFTER_MS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """master: the first one; `url` finds whichever it is."""

    master: ServerProcess
    replica_port: int
    url: str

    def promoted(self) -> bool:
        """Whether the replica is the master now."""
        return _role(self.replica_port) == "master"


@contextmanager
def watched_redis(*, tls: bool = False) -> Iterator[Watched]:
    """tls: the Sentinel sends clients to ports where they speak TLS; the servers speak plainly with each other."""
    with scratch_folder("sentinel") as folder, ExitStack() as stack:
        master_port, replica_port, sentinel_port = free_ports(3)
        known = {port: port for port in (master_port, replica_port)}
        query = ""
        if tls:
            fronts = {port: stack.enter_context(tls_front(port, folder, also_plain=True)) for port in known}
            known = {port: front.port for port, front in fronts.items()}
            query = f"?ssl_ca_certs={fronts[master_port].certificate}"
        announced = ["--replica-announce-ip", "127.0.0.1", "--replica-announce-port", str(known[replica_port])]
        processes = [
            _server(folder, master_port),
            _server(folder, replica_port, "--replicaof", "127.0.0.1", str(master_port), *announced),
        ]
        try:
            wait_until(lambda: _linked(replica_port), lambda: "the replica has no master")
            config = folder / "sentinel.conf"
            config.write_text(
                f"port {sentinel_port}\nbind 127.0.0.1\nsentinel monitor {NAME} 127.0.0.1 {known[master_port]} 1\n"
                f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}\nsentinel failover-timeout {NAME} 5000\n"
            )
            processes.append(ServerProcess([*binary(), str(config), "--sentinel"], folder / "sentinel.log"))
            wait_until(lambda: _knows_replica(sentinel_port), lambda: "the Sentinel sees no replica")
            scheme = "rediss+sentinel" if tls else "redis+sentinel"
            url = f"{scheme}://127.0.0.1:{sentinel_port}/{NAME}/0{query}"
            yield Watched(master=processes[0], replica_port=replica_port, url=url)
        finally:
            for process in processes:
                process.kill()


def _server(folder: Path, port: int, *options: str) -> ServerProcess:
    (folder / str(port)).mkdir()
    command = [*binary(), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder / str(port)), "--save", ""]
    process = ServerProcess([*command, "--repl-diskless-sync-delay", "0", *options], folder / f"{port}.log")
    process.wait_until(lambda: _role(port) is not None)
    return process


def _role(port: int) -> str | None:
    with Redis(port=port, socket_timeout=1, decode_responses=True) as client:
        try:
            return str(client.info("replication")["role"])
        except RedisError:
            return None


def _linked(port: int) -> bool:
    with Redis(port=port, socket_timeout=1) as client:
        return bool(client.info("replication").get("master_link_status") == "up")


def _knows_replica(port: int) -> bool:
    with Redis(port=port, socket_timeout=1) as client:
        try:
            return bool(client.execute_command("SENTINEL", "REPLICAS", NAME))
        except RedisError:
            return False
