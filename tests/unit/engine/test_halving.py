"""A batch that does not fit into memory is read in halves, to the same texts."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_engine import OutOfMemory
from ocr_engine.modules.ctc import Alphabet
from ocr_engine.modules.halving import in_halves
from ocr_engine.modules.recognition import TextRecognizer
from ocr_engine.runtimes.canned import CannedRuntime
from ocr_engine.types import Image, Tensor

LETTERS = "abcdefgh"


def room_for(lines: int) -> CannedRuntime:
    """A recogniser that reads a crop's grey level as a letter, and has memory for so many lines."""

    def answer(batch: Tensor) -> Tensor:
        if len(batch) > lines:
            raise OutOfMemory
        steps = np.zeros((len(batch), 4, len(LETTERS) + 2), dtype=np.float32)
        for at, line in enumerate(batch):
            steps[at, :, round((float(line[0, 0, 0]) + 1) / 2 * 255) // 10 + 1] = 1.0
        return steps

    return CannedRuntime(answer)


def crops() -> list[Image]:
    return [np.full((48, 320, 3), 10 * at, dtype=np.uint8) for at in range(len(LETTERS))]


def texts(runtime: CannedRuntime) -> str:
    alphabet = Alphabet(characters=("", *LETTERS, " "))
    recognizer = TextRecognizer(runtime, alphabet, batch_size=len(LETTERS))
    return "".join(reading.text for reading in recognizer.recognize(crops()))


@pytest.mark.parametrize(("room", "sizes"), [(8, [8]), (4, [8, 4, 4]), (2, [8, 4, 2, 2, 4, 2, 2])])
def test_the_texts_are_the_same_with_less_memory(room: int, sizes: list[int]) -> None:
    runtime = room_for(room)
    assert texts(runtime) == LETTERS
    assert [shape[0] for shape in runtime.shapes] == sizes


def test_a_single_line_that_is_too_much_is_out_of_memory() -> None:
    with pytest.raises(OutOfMemory):
        texts(room_for(0))


def test_memory_that_python_misses_counts_too() -> None:
    def read(items: object) -> list[int]:
        raise MemoryError

    with pytest.raises(OutOfMemory):
        in_halves(read, [1, 2])
