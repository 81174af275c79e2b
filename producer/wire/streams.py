"""Documents on their way up, and events on their way down."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from typing import BinaryIO

from producer.contract.errors import InvalidRequest, OcrFleetError, Unavailable
from producer.contract.jobs import TERMINAL_EVENTS, Event, Job
from producer.patience import Patience
from producer.wire.calls import POLL_S, Call
from producer.wire.paths import job_path

_MEDIA_TYPE = "text/event-stream"
_NOT_OURS = "the events are not those of this service; check its address"
_PAUSE_S = 0.5  # between streams of a service that answers
# Bytes sent so far, and in all.
SendProgress = Callable[[int, int], None]


class Counted(io.RawIOBase):
    """A document that tells how much of it was read, and has the size that it had. Does not close what it reads."""

    def __init__(self, stream: BinaryIO, progress: SendProgress | None) -> None:
        self._stream = stream
        self._progress = progress
        self.size_bytes = stream.seek(0, io.SEEK_END)
        self._at = stream.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = self._stream.seek(offset, whence)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Raises: InvalidRequest: the document has become shorter, and its size was told already."""
        left = max(0, self.size_bytes - self._at)
        chunk = self._stream.read(left if size < 0 else min(size, left))
        if left and size and not chunk:
            raise InvalidRequest("the document has changed while it was sent; send it again")
        self._at += len(chunk)
        if self._progress is not None:
            self._progress(self._at, self.size_bytes)
        return chunk


class EventFeed:
    """Lines of server-sent events as events; where a stream that broke off is taken up again, and how long it is tried.

    after: the id of the last event that was seen. outage_s: a service that is away longer than this is given up.
    """

    def __init__(self, *, job_id: str, after: str, outage_s: float) -> None:
        self.is_over = False
        self._url = f"{job_path(job_id)}/events"
        self._after = self._after_before = after
        self._outage_s = outage_s
        # None: the service is there. It has to show that first.
        self._patience: Patience | None = Patience(time.monotonic() + outage_s)
        self._has_ended = False
        self._id = self._type = self._data = ""

    def call(self) -> Call:
        """The stream from where the last one ended; what that told of an event by half is forgotten."""
        self._id = self._type = self._data = ""
        self._after_before = self._after
        headers = {"Accept": _MEDIA_TYPE} | ({"Last-Event-ID": self._after} if self._after else {})
        within_s = self._patience.within_s if self._patience else None
        return Call(method="GET", url=self._url, headers=headers, holds_s=POLL_S, within_s=within_s)

    def opened(self, media_type: str) -> None:
        """The service has begun to answer: it is not away. Raises: Unavailable: something else has answered."""
        if not media_type.startswith(_MEDIA_TYPE):
            raise Unavailable(_NOT_OURS)
        if self._patience:
            self._patience.put_off(time.monotonic() + self._outage_s)

    def take(self, line: str) -> Event | None:
        """The event that a line ends, if it does. After the end of the job there is none. Raises: Unavailable."""
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
                case "":  # it keeps the stream alive
                    self._patience = None
            return None
        if not self._data:
            return None
        try:
            event = Event(id=self._id, type=self._type, data=json.loads(self._data))
        except ValueError as error:
            raise Unavailable(_NOT_OURS) from error
        self._patience = None
        self._after, self._type, self._data = self._id, "", ""
        self.is_over = event.type in TERMINAL_EVENTS
        return event

    @property
    def is_to_be_looked_up(self) -> bool:
        """Whether a stream has ended that told nothing new: of an ended job, or of one that the service cannot see."""
        if self._after != self._after_before:
            return False
        self.is_over = self._has_ended  # then it has told everything
        return not self.is_over

    def looked_up(self, job: Job) -> None:
        """What the job was after such a stream."""
        self._has_ended = job.status.is_terminal
        self._patience = None

    def pause_s(self, error: OcrFleetError | None) -> float:
        """Seconds to let pass before `call`. error: why the stream broke off; None: it did not.

        Raises: the error: trying again does not mend it, or the service is away too long.
        """
        if error is None:
            return _PAUSE_S
        if self._patience is None:
            self._patience = Patience(time.monotonic() + self._outage_s)
        return self._patience.pause_s(error)
