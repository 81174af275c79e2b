"""One caller of MuPDF at a time, whatever document a thread works on: the library is not thread-safe."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import Any


class MuPdfLock:
    """Held for one call, never across a yield. Not re-entrant: MuPDF may not be entered in the middle of a call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closing: deque[Any] = deque()  # Any: documents, as the library has them

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        self._close_waiting()

    def close(self, document: Any) -> None:  # Any: see above
        """Close a document now, or when the call that is under way is done. Never waits, and safe to call twice.

        Pages that nobody asks for any more are closed by Python's collector, and that may run in the middle of a call
        of this very thread.
        """
        self._closing.append(document)
        self._close_waiting()

    def _close_waiting(self) -> None:
        # Whoever finds the lock taken leaves his document to its holder, who looks here once he has let go.
        while self._closing and self._lock.acquire(blocking=False):
            try:
                document = self._closing.popleft()
                if not document.is_closed:
                    document.close()
            finally:
                self._lock.release()


MUPDF_LOCK = MuPdfLock()
