"""`make bench-api`: callers against one API process on a Redis and a folder of its own, as a table and as JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil

from benchmarks.api.load import Callers, Tally, run, run_batch
from producer.contract.batches import BATCH_MAX
from tests.servers.redis import redis_server

_RESULTS = Path("benchmarks/results/api.json")
_READY_S = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--polling", type=int, default=200)
    parser.add_argument("--following", type=int, default=50)
    parser.add_argument("--submitting", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    callers = Callers(**vars(parser.parse_args()))
    with ExitStack() as stack:
        cores = stack.enter_context(_other_cores_busy())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        redis = stack.enter_context(redis_server())
        address, process = stack.enter_context(_api(redis.database_url(0), folder))
        tally = asyncio.run(run(address, callers))
        asyncio.run(run_batch(address, tally, sources=BATCH_MAX))
        resident_mib = process.memory_info().rss / 2**20
        busy_s = {"API": sum(process.cpu_times()[:2]), "callers": time.process_time()}
    print(cores)
    _print(callers, tally, resident_mib=resident_mib, busy_s=busy_s)


@contextmanager
def _other_cores_busy() -> Iterator[str]:
    """Everything that is measured on one core, and a process without a pause on each of the others; who has which.

    What is started inside keeps to the core: the API, Redis, and this process with the callers.
    """
    ours, *others = sorted(os.sched_getaffinity(0))
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in others]
    try:
        for core, process in zip(others, spinning, strict=True):
            os.sched_setaffinity(process.pid, {core})
        os.sched_setaffinity(0, {ours})
        yield f"core {ours}: API, Redis and callers; busy as with workers: {', '.join(map(str, others)) or 'none'}"
    finally:
        for process in spinning:
            process.kill()
            process.wait()
        os.sched_setaffinity(0, {ours, *others})


@contextmanager
def _api(redis_url: str, folder: str) -> Iterator[tuple[str, psutil.Process]]:
    environment = os.environ | {"OCRFLEET_REDIS_URL": redis_url, "OCRFLEET_STORE_URL": f"file://{folder}/objects"}
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "workers", "api", "--fd", str(listener.fileno())]
        process = subprocess.Popen(command, env=environment, pass_fds=[listener.fileno()])
    try:
        deadline = time.monotonic() + _READY_S
        while httpx.get(f"{address}/health/ready", timeout=_READY_S).status_code != 200:
            if time.monotonic() > deadline:
                raise SystemExit("the API did not become ready")
            time.sleep(0.1)
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _print(callers: Callers, tally: Tally, *, resident_mib: float, busy_s: dict[str, float]) -> None:
    rows = {kind: _quantiles(took) for kind, took in sorted(tally.took_ms.items())}
    print(f"{callers.polling} polling, {callers.following} following, {callers.submitting} submitting")
    print(f"then a batch of {BATCH_MAX} addresses, with one who polls beside it")
    print(f"{'answer':>10} {'count':>8} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    for kind, row in rows.items():
        numbers = " ".join(f"{row[name]:>8.1f}" for name in ("p50", "p95", "p99", "max"))
        print(f"{kind:>10} {row['count']:>8.0f} {numbers}")
    spent = ", ".join(f"{who} {seconds:.1f} s" for who, seconds in busy_s.items())
    print(
        f"events {tally.events}, failures {len(tally.failures)}, API {resident_mib:.0f} MiB; of processor time: {spent}"
    )
    _RESULTS.parent.mkdir(parents=True, exist_ok=True)
    found = {"answers": rows, "events": tally.events, "failures": tally.failures[:20], "resident_mib": resident_mib}
    _RESULTS.write_text(json.dumps(found, indent=2))


def _quantiles(took_ms: list[float]) -> dict[str, float]:
    ordered = sorted(took_ms)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    found = {name: ordered[min(int(len(ordered) * share), len(ordered) - 1)] for name, share in shares.items()}
    return {"count": float(len(ordered)), **found}


if __name__ == "__main__":
    main()
