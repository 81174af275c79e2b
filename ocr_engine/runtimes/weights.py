"""What a runtime is told of the weights that it loads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol


class Weights(Protocol):
    """Weights in ONNX format whose hash is known before they are in memory: a network that was compiled from them
    earlier is found without reading them.
    """

    @property
    def sha256(self) -> str:
        """In hexadecimal. Whoever gives the weights has compared it with what it has to be."""

    def read(self) -> bytes:
        """The weights themselves. Raises: ModelUnavailable: they are no longer what `sha256` says."""


@dataclass(frozen=True, slots=True)
class HeldWeights:
    """Weights that are in memory already."""

    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def read(self) -> bytes:
        return self.content
