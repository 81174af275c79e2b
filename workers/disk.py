"""Temporary files on this machine's disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from producer.contract.errors import Unavailable


@contextmanager
def on_disk() -> Iterator[None]:
    """Raises: Unavailable: the disk is full, or the folder for temporary files cannot be written."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"cannot write in {tempfile.gettempdir()}: {error.strerror}; free its disk") from error
