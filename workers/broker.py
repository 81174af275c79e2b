"""One repair of kombu's Redis transport: a worker whose acknowledgement failed must go on listening."""

from __future__ import annotations

import kombu.transport.redis
from kombu.transport import virtual


class SettledLocally(kombu.transport.redis.QoS):
    """Counts a message as done here even when Redis could not be told.

    Of kombu 5.7: when the connection breaks while a message is acknowledged, it stays among those that are worked on.
    With one message at a time the worker then never asks for another, so it never notices the broken connection
    either: it stands still for ever. Redis still has the message and hands it out again after the visibility timeout,
    which costs a ring too many.
    """

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]  # kombu is not typed
        finally:
            virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]  # kombu is not typed
        finally:
            virtual.QoS.ack(self, delivery_tag)


def repair_transport() -> None:
    """Let every Redis channel of this process use it: kombu reads the class from its channel's."""
    kombu.transport.redis.Channel.QoS = SettledLocally
