"""Documents on their way up, and events on their way down."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from producer.contract.jobs import TERMINAL_EVENTS, Event
from producer.wire.calls import Call

# Bytes sent so far, and in all.
SendProgress = Callable[[int, int], None]


class Counted(io.RawIOBase):
    """A document that tells how much of it was read. Does not close what it reads."""

    def __init__(self, stream: BinaryIO, progress: SendProgress | None) -> None:
        self._stream = stream
        self._progress = progress
        self.size_bytes = stream.seek(0, io.SEEK_END)
        stream.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        if self._progress is not None:
            self._progress(self._stream.tell(), self.size_bytes)
        return chunk


@dataclass(kw_only=True, slots=True)
class EventFeed:
    """Lines of server-sent events as events; where a stream that broke off is to be taken up again.

    after: the id of the last event that was seen.
    """

    job_id: str
    after: str = ""
    is_over: bool = False
    _id: str = ""
    _type: str = ""
    _data: str = ""

    def call(self) -> Call:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self.after} if self.after else {})
        return Call(method="GET", url=f"/v1/jobs/{self.job_id}/events", headers=headers)

    def take(self, line: str) -> Event | None:
        """The event that a line ends, if it does. After the end of the job there is none."""
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match name:
                case "id":
                    self._id = value
                case "event":
                    self._type = value
                case "data":
                    self._data += value
            return None
        if not self._data:
            return None
        event = Event(id=self._id, type=self._type, data=json.loads(self._data))
        self.after, self._type, self._data = self._id, "", ""
        self.is_over = event.type in TERMINAL_EVENTS
        return event
