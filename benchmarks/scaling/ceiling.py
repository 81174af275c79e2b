"""The most that a machine gives: engines with a core each and nothing else, once one of them and once all."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from benchmarks.scaling.figures import Figures, Strangers
from workers.fleet.pinning import pin_process

if TYPE_CHECKING:
    from ocr_engine import OCREngine

_READY_S, _READ_S = 120, 300


def engines(files: Sequence[bytes], *, cores: Sequence[int]) -> Figures:
    """Read every file once on each of the cores, all cores at once."""
    spawn = multiprocessing.get_context("spawn")
    ends = []
    for core in cores:
        ours, theirs = spawn.Pipe()
        spawn.Process(target=_read, args=(theirs, core, list(files)), daemon=True).start()
        theirs.close()
        ends.append(ours)
    for end in ends:
        _answer(end, _READY_S)
    strangers = Strangers()
    for end in ends:
        end.send("read")
    took = [_answer(end, _READ_S) for end in ends]
    pages, processor_s = len(files) * len(cores), sum(processor_s for _, processor_s in took)
    return Figures(
        processes=len(cores),
        pages_per_s=sum(len(files) / wall_s for wall_s, _ in took),
        processor_s_a_page=processor_s / pages,
        elsewhere_share=strangers.share(processor_s),
    )


def _read(end: Connection, core: int, files: Sequence[bytes]) -> None:
    """Runs in a process of its own, as a worker's child does: pinned, then loaded, then warm."""
    share = pin_process(0, 1, cores=[core])
    from ocr_engine import OCREngine

    with OCREngine(device="cpu", cpu_threads=share.threads) as engine:
        engine.warm_up()
        _read_all(engine, files)  # the shapes of these pages too
        end.send((0.0, 0.0))
        end.recv()
        wall, processor = time.perf_counter(), time.process_time()
        _read_all(engine, files)
        end.send((time.perf_counter() - wall, time.process_time() - processor))


def _read_all(engine: OCREngine, files: Sequence[bytes]) -> None:
    from ocr_engine import open_document

    for data in files:
        with open_document(data) as document:
            engine.predict_page(document.page_image(0))


def _answer(end: Connection, timeout_s: float) -> tuple[float, float]:
    """Seconds by the clock and of the processor. Raises: RuntimeError: none in this time."""
    if not end.poll(timeout_s):
        raise RuntimeError(f"an engine did not answer within {timeout_s:g} s")
    wall_s, processor_s = end.recv()
    return wall_s, processor_s
