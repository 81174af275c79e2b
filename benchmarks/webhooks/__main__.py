"""`python -m benchmarks.webhooks`: a backlog of deliveries, a receiver that takes its time, one that never answers."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from redis import Redis

from benchmarks.machine import machine
from producer.backends.redis_store import RedisJobStore
from producer.contract.jobs import JobState
from tests.contract.job_stores import CPU, new_job
from tests.faults.nodes import Node
from tests.servers.redis import redis_server

SECRET = "whsec_" + "c2VjcmV0" * 6
QUEUE = "ocr:ocr.io"  # where a message for each delivery was once


@dataclass(kw_only=True, slots=True)
class Got:
    """What came to the receivers: seconds since the backlog was made, by event."""

    began: float = 0.0
    attempts: int = 0
    silent: int = 0
    first: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Receivers(ThreadingHTTPServer):
    request_queue_size = 256


@contextmanager
def receiver(got: Got, *, takes_s: float, is_silent: bool) -> Iterator[str]:
    """The address of a receiver. is_silent: it never answers."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with got.lock:
                got.silent += is_silent
                got.attempts += not is_silent
            if is_silent:
                over.wait(60)
                return
            time.sleep(takes_s)
            self.send_response(204)
            self.end_headers()
            with got.lock:
                got.first.setdefault(self.headers["webhook-id"], time.monotonic() - got.began)

        def log_message(self, *_: object) -> None:
            pass

    server = _Receivers(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def make(store: RedisJobStore, url: str, *, count: int) -> None:
    """So many jobs that have ended, every second one cancelled, and somebody to tell of each."""
    for number in range(count):
        job_id = store.jobs.submit(new_job({"webhook": {"url": url}}, max_open=1_000_000)).job_id
        if number % 2:
            store.jobs.cancel(job_id)
            continue
        claim = store.leases.claim(CPU, lease_s=60)
        if claim is None:
            raise RuntimeError("the job that was just made cannot be claimed")
        store.leases.finish(claim.lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)


def watch(client: Redis, store: RedisJobStore, got: Got, node: Node, *, events: int, within_s: float) -> None:
    """Print what is seen every few seconds, until all is told or the time is over."""
    before, looked = 0, time.monotonic()
    sys.stdout.write(f"{'s':>5} {'messages':>9} {'pending':>8} {'overdue s':>10} {'told':>6} {'attempts/s':>11}\n")
    while True:
        time.sleep(5)
        now, backlog = time.monotonic(), store.outbox.backlog()
        rate, before, looked = (got.attempts - before) / (now - looked), got.attempts, now
        row = (now - got.began, int(client.llen(QUEUE)), backlog.pending, backlog.overdue_s, len(got.first), rate)
        sys.stdout.write("{:>5.0f} {:>9} {:>8} {:>10.1f} {:>6} {:>11.1f}\n".format(*row))
        sys.stdout.flush()
        if len(got.first) >= events or now - got.began > within_s or not node.is_running():
            return


def main() -> None:
    """Make the backlog, start an io worker, watch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1500, help="Deliveries to a receiver that answers")
    parser.add_argument("--silent", type=int, default=0, help="Deliveries, made first, to one that never does")
    parser.add_argument("--takes-ms", type=float, default=100, help="How long the receiver takes")
    parser.add_argument("--within-s", type=float, default=240)
    options = parser.parse_args()
    got = Got()
    with (
        redis_server() as server,
        tempfile.TemporaryDirectory() as folder,
        receiver(got, takes_s=options.takes_ms / 1000, is_silent=False) as url,
        receiver(got, takes_s=0, is_silent=True) as nobody,
    ):
        store, client = RedisJobStore(server.url), Redis.from_url(server.url)
        settings = {
            "OCRFLEET_REDIS_URL": server.url,
            "OCRFLEET_STORE_URL": Path(folder, "objects").as_uri(),
            "OCRFLEET_WEBHOOK_SECRET": SECRET,
            "OCRFLEET_ALLOW_PRIVATE_URLS": "true",
        }
        make(store, nobody, count=options.silent)
        make(store, url, count=options.events)
        got.began = time.monotonic()
        with Node("io", Path(folder), settings) as node:
            watch(client, store, got, node, events=options.events, within_s=options.within_s)
        lags = sorted(got.first.values()) or [0.0]
        last_s, half_s, log = lags[-1], lags[len(lags) // 2], node.log.read_text()
        sys.stdout.write(
            f"told {len(got.first)} of {options.events} in {last_s:.0f} s, half of them within {half_s:.0f}; "
            f"{got.attempts} attempts, {got.silent} to the silent one, children started {log.count('child_ready')}\n"
            f"{machine()}\n"
        )
        client.close()
        store.close()


if __name__ == "__main__":
    main()
