"""What a Redis server and an S3 server have done so far, as numbers that can be subtracted."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import redis

_QUIET_S = 300.0  # nothing may happen for so long
# As moto logs it: "PUT /bucket/key HTTP/1.1" 200 -
_REQUEST = re.compile(r'"([A-Z]+) /([^? ]*)(\?[^ ]*)? HTTP')


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisCounts:
    """Since the server started. processor_s: of its own process. in and out are seen from the server."""

    processor_s: float
    in_bytes: int
    out_bytes: int
    memory_bytes: int
    log_bytes: int

    def __sub__(self, before: Self) -> RedisCounts:
        return RedisCounts(**{one.name: getattr(self, one.name) - getattr(before, one.name) for one in fields(self)})


def redis_counts(client: redis.Redis) -> RedisCounts:
    info: dict[str, Any] = client.info("everything")  # Any: the client's own types of an answer
    return RedisCounts(
        processor_s=info["used_cpu_sys"] + info["used_cpu_user"],
        in_bytes=info["total_net_input_bytes"],
        out_bytes=info["total_net_output_bytes"],
        memory_bytes=info["used_memory"],
        log_bytes=info["aof_current_size"],
    )


class Calls:
    """Commands that clients sent, by name, and how many more scripts made of them."""

    def __init__(self) -> None:
        self.by_name: Counter[str] = Counter()
        self.in_scripts = 0

    @property
    def sent(self) -> int:
        return sum(self.by_name.values())


@contextmanager
def counted_calls(url: str) -> Iterator[Calls]:
    """Every command that the server runs meanwhile, by its MONITOR. It costs the server more than the commands do."""
    calls, is_listening = Calls(), threading.Event()
    client = redis.Redis.from_url(url, socket_timeout=_QUIET_S)

    def listen() -> None:
        with client.monitor() as monitor:  # type: ignore[no-untyped-call]  # redis-py has no type here
            is_listening.set()
            for seen in monitor.listen():
                name = str(seen["command"]).partition(" ")[0].upper()
                if name == "ECHO":
                    return
                if seen["client_type"] == "lua":
                    calls.in_scripts += 1
                else:
                    calls.by_name[name] += 1

    listener = threading.Thread(target=listen, name="monitor", daemon=True)
    listener.start()
    is_listening.wait(timeout=10)
    try:
        yield calls
    finally:
        with redis.Redis.from_url(url) as other:
            other.echo("end")
        listener.join(timeout=10)
        client.close()


def s3_requests(log: Path) -> Counter[str]:
    """Requests in the log of a moto server: method, and LIST for those that ask for keys."""
    found: Counter[str] = Counter()
    for method, path, _ in _REQUEST.findall(log.read_text(errors="replace")):
        is_listing = method == "GET" and "/" not in path.strip("/")
        found["LIST" if is_listing else method] += 1
    return found
