"""One Redis database as the job store uses it: its scripts, its keys, and what its failures mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files

import redis

from producer.backends.redis_address import bounded_client
from producer.contract.errors import Refused, Unavailable

PREFIX = "ocrfleet:"
PATIENT_S = 30.0  # for who has nobody waiting for an answer, and would lose work
_PING_MS = 60_000
_PING_WITHIN_S = 1.8  # with what else it takes to answer, in 2 s
_NO_EVICTION = "noeviction"
# The client knows some refusals as classes, and leaves the code of the others at the beginning of the message.
_NO_WRITES = ("MISCONF", "NOREPLICAS")  # its disk is full, its replicas are away
_BUSY = "BUSY"
_SCRIPTS = (
    *("submit", "list", "cancel", "retry", "forget"),
    *("claim", "heartbeat", "fetched", "plan", "begin", "page", "complete", "release", "crash", "drop", "finish"),
    *("revisit", "backlog", "restore", "swept"),
    "admit",
    *("webhook_due", "webhook_claim", "webhook_settle", "webhook_redeliver"),
    *("beat", "workers", "load"),
)


class Connection:
    """Runs the job store's scripts. Safe to share between threads.

    Every method raises `Unavailable` (retryable) while Redis is down, full, loading or read-only, or hangs: then
    after about `within_s`, and `ping` after 2 s.
    """

    def __init__(self, url: str, *, within_s: float = PATIENT_S) -> None:
        # Scripts are safe to repeat.
        self.client = bounded_client(url, within_s=within_s, decode_responses=True, health_check_interval=15)
        self._pinging = bounded_client(url, within_s=min(within_s, _PING_WITHIN_S))
        prelude = _lua("prelude")
        self._scripts = {name: self.client.register_script(prelude + _lua(name)) for name in _SCRIPTS}

    def close(self) -> None:
        self.client.close()
        self._pinging.close()

    def ping(self) -> None:
        """A write: a Redis that is full or a replica answers a plain PING. Raises: Unavailable."""
        with available():
            self._pinging.set(f"{PREFIX}ping", "", px=_PING_MS)

    def warnings(self) -> list[str]:
        """What about this Redis may lose jobs. Raises: Unavailable."""
        with available():
            memory, kept = self.client.info("memory"), self.client.info("persistence")
        policy, found = str(memory.get("maxmemory_policy", _NO_EVICTION)), []
        if policy != _NO_EVICTION:
            found.append(f"maxmemory-policy is {policy}: jobs may be evicted; set it to {_NO_EVICTION}")
        if not int(kept.get("aof_enabled", 0)):
            found.append("appendonly is off: accepted jobs are lost with the server; set appendonly yes")
        return found

    def run(self, script: str, *argv: str | int) -> object:
        """What the script answers."""
        with available():
            answer: object = self._scripts[script](keys=[PREFIX], args=list(argv))
            return answer

    def run_list(self, script: str, *argv: str | int) -> list[str]:
        """What a script answers that answers with a list of texts."""
        answer = self.run(script, *argv)
        return [str(part) for part in answer] if isinstance(answer, Iterable) else []

    def hash(self, key: str) -> dict[str, str]:
        """Every field of a hash; empty if there is none."""
        with available():
            return texts(self.client.hgetall(key))

    def due(self, key: str, limit: int) -> list[str]:
        """Members of an index whose time, by the clock of Redis, has come."""
        with available():
            seconds, micros = self.client.time()
            members = self.client.zrangebyscore(key, 0, seconds * 1000 + micros // 1000, start=0, num=limit)
        return [str(member) for member in members]


@contextmanager
def available() -> Iterator[None]:
    """Redis that is down, full, loading, read-only or slow is one thing to a caller: unavailable, try again."""
    try:
        yield
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
        raise Unavailable("Redis does not answer; try again shortly") from error
    except (redis.exceptions.OutOfMemoryError, redis.exceptions.ReadOnlyError) as error:
        # Refused at its first write: no script is done by half.
        raise Refused(f"Redis cannot write now: {error}") from error
    except redis.exceptions.ClusterDownError as error:  # a replica that has lost its master, too
        raise Unavailable(f"Redis cannot write now: {error}") from error
    except redis.exceptions.ResponseError as error:
        if str(error).startswith(_NO_WRITES):  # refused at the first write, too
            raise Refused(f"Redis cannot write now: {error}") from error
        if str(error).startswith(_BUSY):
            raise Unavailable(f"Redis cannot write now: {error}") from error
        raise


def texts(row: Mapping[bytes | str, bytes | str]) -> dict[str, str]:
    """A Redis hash as text; the client decodes, its types do not say so."""
    return {str(name): str(value) for name, value in row.items()}


def pairs(flat: Sequence[str]) -> dict[str, str]:
    """Field, value, field, value as a mapping."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def job_key(job_id: str) -> str:
    return f"{PREFIX}job:{job_id}"


def _lua(name: str) -> str:
    folder = files("producer.backends.redis_store") / "lua"
    return (folder / f"{name}.lua").read_text(encoding="utf-8") + "\n"
