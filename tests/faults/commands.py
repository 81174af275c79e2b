"""What a page tells the stand-in engine to do, written into its pixels, and the documents made of such pages."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import PIL.Image

from ocr_engine.types import Image

WIDTH, HEIGHT = 96, 48  # room for a command of 4.6 kB, and still a page that costs nothing
_MAGIC = b"OCRFLEET"
_LENGTH_BYTES = 2

ACTIONS = {
    "read": "read the page at once; what a page without a command does",
    "sleep": "take `amount` seconds, as a slow page does",
    "spin": "hold the interpreter's lock for `amount` seconds, as a native call does that forgets to release it",
    "segfault": "write to address 0",
    "abort": "abort(), as a failed check in native code does",
    "exit": "os._exit with status `amount`",
    "sys_exit": "raise SystemExit",
    "recursion": "recurse without end",
    "memory_error": "raise MemoryError, as an allocation under a limit does",
    "balloon": "take `amount` MiB for this page, then give them back",
    "oom_kill": "take `amount` MiB, then die by SIGKILL, as the kernel's killer does it",
    "leak": "keep `amount` MiB for ever",
    "fail": "raise the engine's own error with the code `code`",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One of ACTIONS. `times`: only so often over all processes, then the page is read; 0: always."""

    action: str = "read"
    amount: float = 0.0
    code: str = ""
    times: int = 0


READ = Command()


def sleep(seconds: float) -> Command:
    return Command(action="sleep", amount=seconds)


def page_with(command: Command, number: int) -> Image:
    """A page (HEIGHT, WIDTH, 3) BGR that holds the command; its pixels differ from page to page, by `number`."""
    text = json.dumps(asdict(command)).encode()
    header = _MAGIC + len(text).to_bytes(_LENGTH_BYTES, "big") + text
    if len(header) > WIDTH * HEIGHT:
        raise ValueError(f"a command has room for {WIDTH * HEIGHT} bytes")
    noise = np.random.default_rng(number).integers(0, 256, WIDTH * HEIGHT, dtype=np.uint8)
    noise[: len(header)] = np.frombuffer(header, dtype=np.uint8)
    return np.repeat(noise.reshape(HEIGHT, WIDTH, 1), 3, axis=2)


def command_on(page: Image) -> Command:
    """The command in the pixels; READ when there is none."""
    values = page[:, :, 0].tobytes()
    if not values.startswith(_MAGIC):
        return READ
    start = len(_MAGIC) + _LENGTH_BYTES
    size = int.from_bytes(values[len(_MAGIC) : start], "big")
    return Command(**json.loads(values[start : start + size]))


def document(commands: Sequence[Command], *, first_number: int = 0) -> bytes:
    """A TIFF with one page a command, lossless. `first_number` makes two documents of the same commands differ."""
    pages = [
        PIL.Image.fromarray(page_with(command, first_number + index)[:, :, 0]) for index, command in enumerate(commands)
    ]
    buffer = io.BytesIO()
    pages[0].save(buffer, format="TIFF", save_all=True, append_images=pages[1:])
    return buffer.getvalue()
