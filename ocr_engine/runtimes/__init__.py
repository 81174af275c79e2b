"""What a module needs from an inference library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ocr_engine.types import Tensor


class Runtime(Protocol):
    """One loaded network on one device. Safe to call from several threads."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Texts stored in the weights, such as the recogniser's dictionary."""

    def run(self, batch: Tensor, /) -> Tensor:
        """Run the network once on a float32 (n, c, h, w) batch and return its first output.

        Raises: OutOfMemory (retryable): the batch does not fit; InternalError: the library refused it.
        """

    def run_all(self, batch: Tensor, /) -> tuple[Tensor, ...]:
        """Like `run`, with every output in the model's order."""
