"""A queue without a broker."""

from __future__ import annotations


class Bells:
    """A queue that only notes what was rung."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    def ring(self, queue: str) -> None:
        self.rung.append(queue)

    def close(self) -> None:
        """Nothing is held."""
