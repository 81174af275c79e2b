"""What routes are given: the Producer of the application."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from producer.direct import Producer


def _producer(request: Request) -> Producer:
    producer: Producer = request.app.state.producer
    return producer


Connected = Annotated[Producer, Depends(_producer)]
