"""What routes are given: the Producer of the caller's own jobs, and whether the server is about to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from producer.direct import Producer

# For the description of the API only: the guard has decided before any route runs.
_bearer = HTTPBearer(auto_error=False, description="An API key; not needed where the service asks for none")


_Described = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


# Coroutines, though they await nothing: the framework would run a plain function in a thread, at the cost of another
# look-up of the job.
async def _producer(request: Request, _key: _Described) -> Producer:
    producer: Producer = request.app.state.producer
    return producer.of(request.state.tenant)


async def _operator(request: Request, _key: _Described) -> Producer:
    producer: Producer = request.app.state.producer
    return producer


# Reaches the jobs of the caller's owner only.
Connected = Annotated[Producer, Depends(_producer)]
# Reaches everything: for what is nobody's own.
Operator = Annotated[Producer, Depends(_operator)]


async def _is_stopping(request: Request) -> Callable[[], bool]:
    is_stopping: Callable[[], bool] = request.app.state.is_stopping
    return is_stopping


# Streams without an end of their own ask: a server that drains waits for what it answers.
Stopping = Annotated[Callable[[], bool], Depends(_is_stopping)]
