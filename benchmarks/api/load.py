"""Callers of one API process: some poll, some follow events, some submit; how long each answer took."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from benchmarks.api.caller import Caller
from tests.integration.serving import PNG

POLL_PAUSE_S = 1.0  # between two looks of one caller, as a client would pause
SUBMIT_PAUSE_S = 0.5
BESIDE_PAUSE_S = 0.02


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

    async def timed(self, kind: str, ask: Callable[[], Awaitable[tuple[int, bytes]]], expected: int) -> bytes | None:
        """The body; None: the answer was another, or none."""
        began = time.perf_counter()
        try:
            status, body = await ask()
        except (OSError, EOFError) as error:
            self.failures.append(f"{kind}: {type(error).__name__}")
            return None
        self.took_ms[kind].append((time.perf_counter() - began) * 1000)
        if status != expected:
            self.failures.append(f"{kind}: HTTP {status}")
            return None
        return body


async def run(address: str, callers: Callers) -> Tally:
    """All callers at once, each on a connection of its own that is there before the time begins, until it is over."""
    tally = Tally()
    with ExitStack() as stack:

        async def connected() -> Caller:
            caller = await Caller.connect(address)
            stack.callback(caller.close)
            await caller.get("/health/live")
            return caller

        polling = [await connected() for _ in range(callers.polling)]
        following = [await connected() for _ in range(callers.following)]
        submitting = [await connected() for _ in range(callers.submitting)]
        first = await _submit(polling[0], Tally())
        ids = [first] if first else []
        deadline = time.monotonic() + callers.seconds
        await asyncio.gather(
            *(_poll(caller, tally, ids, deadline, place) for place, caller in enumerate(polling)),
            *(_follow(caller, tally, ids, deadline, place) for place, caller in enumerate(following)),
            *(_keep_submitting(caller, tally, ids, deadline, place) for place, caller in enumerate(submitting)),
        )
    return tally


async def run_batch(address: str, tally: Tally, *, sources: int) -> None:
    """One batch of addresses, as `batch`, and how long somebody who polls meanwhile waits, as `beside`."""
    sending, polling = await Caller.connect(address), await Caller.connect(address)
    urls = [{"type": "url", "url": f"https://documents.example/{number}.png"} for number in range(sources)]
    batch = partial(sending.send_json, "/v1/batches", json.dumps({"sources": urls}).encode())
    job_id = await _submit(polling, Tally())
    task = asyncio.create_task(tally.timed("batch", batch, 202))
    while not task.done():
        await tally.timed("beside", partial(polling.get, f"/v1/jobs/{job_id}"), 200)
        await asyncio.sleep(BESIDE_PAUSE_S)
    sending.close()
    polling.close()


async def _poll(caller: Caller, tally: Tally, ids: Sequence[str], deadline: float, place: int) -> None:
    await asyncio.sleep(_share(place) * POLL_PAUSE_S)
    while time.monotonic() < deadline:
        path = f"/v1/jobs/{ids[(place + len(ids)) % len(ids)]}"
        await tally.timed("status", partial(caller.get, path), 200)
        await asyncio.sleep(POLL_PAUSE_S)


async def _follow(caller: Caller, tally: Tally, ids: Sequence[str], deadline: float, place: int) -> None:
    await asyncio.sleep(_share(place))
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            while True:
                async for _ in caller.events(f"/v1/jobs/{ids[-1]}/events"):
                    tally.events += 1
    except TimeoutError:
        return
    except (OSError, EOFError, ValueError) as error:
        tally.failures.append(f"events: {error!r}")


async def _keep_submitting(caller: Caller, tally: Tally, ids: list[str], deadline: float, place: int) -> None:
    await asyncio.sleep(_share(place) * SUBMIT_PAUSE_S)
    while time.monotonic() < deadline:
        if job_id := await _submit(caller, tally):
            ids.append(job_id)
        await asyncio.sleep(SUBMIT_PAUSE_S)


def _share(place: int) -> float:
    """How long a caller waits before its first request, of its pause: callers do not come in the same moment."""
    return place * 37 % 100 / 100


async def _submit(caller: Caller, tally: Tally) -> str | None:
    body = await tally.timed("submit", partial(caller.send_document, "/v1/jobs", "page.png", PNG), 202)
    return str(json.loads(body)["id"]) if body else None
