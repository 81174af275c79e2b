"""Callers of one API process: some poll, some follow events, some submit; how long each answer took."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

import httpx

from tests.integration.serving import PNG

POLL_PAUSE_S = 1.0  # between two looks of one caller, as a client would pause
SUBMIT_PAUSE_S = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Callers:
    """How many of each kind, and for how long."""

    polling: int
    following: int
    submitting: int
    seconds: float


@dataclass(kw_only=True, slots=True)
class Tally:
    """Milliseconds of each answer by kind, and what went wrong."""

    took_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: list[str] = field(default_factory=list)
    events: int = 0

    async def timed(
        self, kind: str, ask: Callable[[], Awaitable[httpx.Response]], expected: int
    ) -> httpx.Response | None:
        began = time.perf_counter()
        try:
            answer = await ask()
        except httpx.HTTPError as error:
            self.failures.append(f"{kind}: {type(error).__name__}")
            return None
        self.took_ms[kind].append((time.perf_counter() - began) * 1000)
        if answer.status_code != expected:
            self.failures.append(f"{kind}: HTTP {answer.status_code}")
        return answer


async def run(address: str, callers: Callers) -> Tally:
    """All callers at once, each with a client of its own that is connected before the time begins, until it is over.

    One client for all would be what is measured: it looks through all its connections at each request.
    """
    tally = Tally()
    async with AsyncExitStack() as stack:

        async def connected() -> httpx.AsyncClient:
            client = httpx.AsyncClient(base_url=address, timeout=30, trust_env=False)
            await stack.enter_async_context(client)
            (await client.get("/health/live")).raise_for_status()
            return client

        polling = [await connected() for _ in range(callers.polling)]
        following = [await connected() for _ in range(callers.following)]
        submitting = [await connected() for _ in range(callers.submitting)]
        first = await _submit(polling[0], Tally())
        ids = [first] if first else []
        deadline = time.monotonic() + callers.seconds
        await asyncio.gather(
            *(_poll(client, tally, ids, deadline, place) for place, client in enumerate(polling)),
            *(_follow(client, tally, ids, deadline, place) for place, client in enumerate(following)),
            *(_keep_submitting(client, tally, ids, deadline, place) for place, client in enumerate(submitting)),
        )
    return tally


async def _poll(client: httpx.AsyncClient, tally: Tally, ids: Sequence[str], deadline: float, place: int) -> None:
    await asyncio.sleep(_share(place) * POLL_PAUSE_S)
    while time.monotonic() < deadline:
        path = f"/v1/jobs/{ids[(place + len(ids)) % len(ids)]}"
        await tally.timed("status", partial(client.get, path), 200)
        await asyncio.sleep(POLL_PAUSE_S)


async def _follow(client: httpx.AsyncClient, tally: Tally, ids: Sequence[str], deadline: float, place: int) -> None:
    await asyncio.sleep(_share(place))
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            while True:
                async with client.stream("GET", f"/v1/jobs/{ids[-1]}/events") as stream:
                    if stream.status_code != 200:
                        tally.failures.append(f"events: HTTP {stream.status_code}")
                    async for line in stream.aiter_lines():
                        tally.events += line.startswith("event:")
    except TimeoutError:
        return
    except httpx.HTTPError as error:
        tally.failures.append(f"events: {type(error).__name__}")


async def _keep_submitting(
    client: httpx.AsyncClient, tally: Tally, ids: list[str], deadline: float, place: int
) -> None:
    await asyncio.sleep(_share(place) * SUBMIT_PAUSE_S)
    while time.monotonic() < deadline:
        if job_id := await _submit(client, tally):
            ids.append(job_id)
        await asyncio.sleep(SUBMIT_PAUSE_S)


def _share(place: int) -> float:
    """How long a caller waits before its first request, of its pause: callers do not come in the same moment."""
    return place * 37 % 100 / 100


async def _submit(client: httpx.AsyncClient, tally: Tally) -> str | None:
    files = {"file": ("page.png", PNG, "image/png")}
    answer = await tally.timed("submit", partial(client.post, "/v1/jobs", files=files), 202)
    return str(answer.json()["id"]) if answer is not None and answer.status_code == 202 else None
