"""The object store as the API uses it: one that hangs may hold some threads of the process, never all."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from typing import Any, BinaryIO

from producer.contract.errors import NotFound, Unavailable
from producer.contract.ports import ObjectInfo, ObjectStore

CALLS_AT_ONCE = 24  # of 40 threads that answer requests, and of 32 connections that a store on S3 keeps
SILENCE_S = 2.0  # so long a call waits for its turn while none of the others is answered
PING_S = 2.0  # as long as Redis has; a probe waits 5 s or so for both


class BoundedObjectStore:
    """An `ObjectStore` that lets `CALLS_AT_ONCE` calls through at once.

    Others wait for their turn as long as calls are answered; while the store is silent they are refused: a call that
    hangs takes a minute to fail, and whoever waits for it holds a thread as well. Safe to share between threads.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._turns = threading.Condition()
        self._running: list[float] = []  # when each call began, the oldest first
        self._answered = 0.0  # when a call was answered last
        self._ping: Future[None] | None = None

    def put(self, key: str, body: bytes | BinaryIO, *, media_type: str) -> None:
        with self._turn():
            self._objects.put(key, body, media_type=media_type)

    def get(self, key: str) -> bytes:
        with self._turn():
            return self._objects.get(key)

    def open(self, key: str) -> BinaryIO:
        """Each read has a turn of its own: who reads slowly keeps nobody out."""
        with self._turn():
            stream = self._objects.open(key)
        return io.BufferedReader(_Stream(self, stream))

    def head(self, key: str) -> ObjectInfo:
        with self._turn():
            return self._objects.head(key)

    def keys(self, prefix: str) -> Iterator[str]:
        with self._turn():
            return iter(list(self._objects.keys(prefix)))

    def delete(self, prefix: str) -> int:
        with self._turn():
            return self._objects.delete(prefix)

    def presign(self, key: str, *, expires_s: int) -> str | None:
        return self._objects.presign(key, expires_s=expires_s)

    def presign_put(self, key: str, *, expires_s: int) -> str | None:
        return self._objects.presign_put(key, expires_s=expires_s)

    def ping(self) -> None:
        """At most one is under way, in a thread that nobody waits for at the end; all who ask share its outcome."""
        with self._turns:
            ping = self._ping
            if ping is None or ping.done():
                ping = self._ping = Future()
                threading.Thread(target=self._answer, args=(ping,), name="store-ping", daemon=True).start()
        try:
            ping.result(timeout=PING_S)
        except NotYet as error:
            raise Unavailable(f"The object store does not answer within {PING_S:g} s; see that it is up.") from error

    def _answer(self, ping: Future[None]) -> None:
        try:
            self._objects.ping()
        except BaseException as error:  # noqa: BLE001  it is raised to those who wait for it
            ping.set_exception(error)
        else:
            ping.set_result(None)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Raises: Unavailable."""
        began = self._begin()
        is_answer = False
        try:
            yield
            is_answer = True
        except NotFound:
            is_answer = True
            raise
        finally:
            with self._turns:
                self._running.remove(began)
                if is_answer:
                    self._answered = time.monotonic()
                self._turns.notify()

    def _begin(self) -> float:
        with self._turns:
            while len(self._running) >= CALLS_AT_ONCE:
                left_s = max(self._answered, self._running[0]) + SILENCE_S - time.monotonic()
                if left_s <= 0:
                    raise Unavailable("The object store does not answer, and enough calls wait for it; ask later.")
                self._turns.wait(left_s)
            began = time.monotonic()
            self._running.append(began)
            return began


class _Stream(io.RawIOBase):
    """A stream of the store whose every read is a call to it."""

    def __init__(self, store: BoundedObjectStore, stream: BinaryIO) -> None:
        self._store = store
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # Any: a writable buffer, which has no name before Python 3.12
        with self._store._turn():
            chunk = self._stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def readall(self) -> bytes:
        with self._store._turn():
            return self._stream.read()

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()
