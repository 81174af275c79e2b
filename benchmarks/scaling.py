"""`python -m benchmarks.scaling`: what a second process on a second core adds, on one-page jobs and on one long PDF."""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import PIL.Image
import psutil

from benchmarks.drawn import sheet_of
from producer.connect import connect
from producer.contract.fleet import WorkerState
from producer.contract.jobs import Job, JobRequest, JobState, OcrOptions
from producer.direct import Producer
from producer.settings import Settings
from tests.faults.nodes import Node, nothing_left
from tests.servers.process import wait_until
from tests.servers.redis import redis_server

_WAIT_S, _READY_S = 900, 180
_SIDE_PX = 320  # of a page: a few lines, so that a hundred pages take half a minute and not half an hour
_REQUEST = JobRequest(options=OcrOptions(text_det_limit_side_len=_SIDE_PX, text_det_limit_type="max"))
_WARM_UP_JOBS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Of so many processes, each on a core of its own. processor_s: of the nodes, for all the pages."""

    processes: int
    jobs_per_s: float
    pages_per_s: float
    processor_s_a_page: float


def main() -> None:
    """Measure one process and then two; print, and write the figures beside the other results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=30, help="One-page jobs")
    parser.add_argument("--pages", type=int, default=100, help="Pages of the PDF")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/scaling.json"))
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("two processes need two cores")
    pages = [_page(number) for number in range(options.pages)]
    figures = _measure(pages, jobs=options.jobs, cores=cores)
    ratios = _ratios(figures)
    print(f"two against one: jobs {ratios['jobs']:.2f}x, PDF {ratios['pdf']:.2f}x")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    written = {"jobs": options.jobs, "pages": options.pages, "figures": [asdict(one) for one in figures], **ratios}
    options.out.write_text(json.dumps(written, indent=2) + "\n")


def _measure(pages: Sequence[PIL.Image.Image], *, jobs: int, cores: Sequence[int]) -> list[Figures]:
    with redis_server(fsync="always") as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {"OCRFLEET_REDIS_URL": server.url, "OCRFLEET_STORE_URL": (folder / "objects").as_uri()}
        settings = Settings(redis_url=server.url, store_url=environment["OCRFLEET_STORE_URL"])
        producer = connect(settings)
        with nothing_left(folder), Node("io", folder, environment), _node(folder, environment, cores[0]) as first:
            _wait_ready(producer, 1, [first])
            found = [_figures(producer, [first], pages, jobs)]
            with _node(folder, environment, cores[1]) as second:
                _wait_ready(producer, 2, [first, second])
                found.append(_figures(producer, [first, second], pages, jobs))
        producer.close()
        return found


def _figures(producer: Producer, nodes: Sequence[Node], pages: Sequence[PIL.Image.Image], jobs: int) -> Figures:
    single = [_encoded([page]) for page in pages[:jobs]]
    _ended(producer, [producer.submit(data, _REQUEST).id for data in single[: _WARM_UP_JOBS * len(nodes)]])
    before_s = sum(_processor_s(node) for node in nodes)
    ended = _ended(producer, [producer.submit(data, _REQUEST).id for data in single])
    [document] = _ended(producer, [producer.submit(_encoded(pages), _REQUEST).id])
    processor_s = sum(_processor_s(node) for node in nodes) - before_s
    found = Figures(
        processes=len(nodes),
        jobs_per_s=len(ended) / _span_s(ended),
        pages_per_s=len(pages) / _span_s([document]),
        processor_s_a_page=processor_s / (len(ended) + len(pages)),
    )
    print(
        f"{found.processes} process(es): {found.jobs_per_s:.2f} one-page jobs/s, {found.pages_per_s:.2f} PDF pages/s, "
        f"{found.processor_s_a_page:.2f} s of processor time a page",
        flush=True,
    )
    return found


def _ended(producer: Producer, job_ids: Sequence[str]) -> list[Job]:
    jobs = [producer.wait(job_id, timeout_s=_WAIT_S) for job_id in job_ids]
    if any(job.status is not JobState.SUCCEEDED for job in jobs):
        raise RuntimeError("a job did not succeed: its time says nothing")
    return jobs


def _span_s(jobs: Sequence[Job]) -> float:
    """From the first claim to the last end, by the clock of Redis."""
    started = min(job.started_at for job in jobs if job.started_at)
    return (max(job.finished_at for job in jobs if job.finished_at) - started).total_seconds()


def _ratios(figures: Sequence[Figures]) -> dict[str, float]:
    """Two processes against one."""
    one, two = figures
    return {"jobs": two.jobs_per_s / one.jobs_per_s, "pdf": two.pages_per_s / one.pages_per_s}


def _node(folder: Path, environment: Mapping[str, str], core: int) -> Node:
    # `nothing_left` finds its processes by the folder in their environment.
    return Node("device", folder, {**environment, "TMPDIR": str(folder), "OCRFLEET_WORKER_CORES": json.dumps([core])})


def _wait_ready(producer: Producer, workers: int, nodes: Sequence[Node]) -> None:
    def ready() -> bool:
        return sum(one.state is WorkerState.READY for one in producer.fleet().workers) == workers

    wait_until(ready, lambda: "\n".join(node.tail() for node in nodes), timeout_s=_READY_S)


def _processor_s(node: Node) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in node.group()]
    return sum(time.user + time.system for time in times)


def _page(number: int) -> PIL.Image.Image:
    pixels = sheet_of(number).pixels[:_SIDE_PX, :_SIDE_PX, ::-1]
    return PIL.Image.fromarray(pixels)


def _encoded(pages: Sequence[PIL.Image.Image]) -> bytes:
    buffer = io.BytesIO()
    # Pillow leaves the others on a picture that it has saved with them: the next file of it alone would hold them all.
    first, *others = (page.copy() for page in pages)
    first.save(buffer, format="PDF", save_all=True, append_images=others, resolution=144)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
