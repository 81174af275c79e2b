"""What a module needs from an inference library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ocr_engine.types import Classes, Tensor


class Runtime(Protocol):
    """One loaded network on one device. Safe to call from several threads."""

    @property
    def precision(self) -> str:
        """What it computes in: f32, bf16, f16."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Texts stored in the weights, such as the recogniser's dictionary."""

    def run(self, batch: Tensor, /) -> Tensor:
        """Run the network once on a float32 (n, c, h, w) batch and return its first output.

        Raises: OutOfMemory (retryable): the batch does not fit; InternalError: the library refused it.
        """

    def run_all(self, batch: Tensor, /) -> tuple[Tensor, ...]:
        """Like `run`, with every output in the model's order."""

    def best(self, batch: Tensor, /) -> tuple[Classes, Tensor]:
        """Like `run` for a network that gives probabilities (n, steps, classes): the best class of every step and its
        probability, both (n, steps). The probabilities themselves, megabytes a line, are not copied.
        """


def best_of(probabilities: Tensor) -> tuple[Classes, Tensor]:
    """The best class of every step and its probability, (n, steps) each, from (n, steps, classes)."""
    rows = probabilities.reshape(-1, probabilities.shape[2])
    classes = rows.argmax(axis=1)
    scores = rows[np.arange(len(rows)), classes].astype(np.float32)
    return classes.reshape(probabilities.shape[:2]), scores.reshape(probabilities.shape[:2])
