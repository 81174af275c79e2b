"""A wall clock of its own for a worker, that jumps when a test says so.

Debian's faketime cannot do this for Python: libfaketime 0.9.10 makes `time.sleep` fail with EINVAL when monotonic
clocks are left alone, and waits with a time limit never end when they are not.
"""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
_SECONDS = struct.Struct("=q")


class WallClock:
    """Start a process with `environment`; `jump` moves its clock and its children's, at once. Linux with glibc."""

    def __init__(self, folder: Path) -> None:
        """Compile the library into `folder`. Raises: RuntimeError: there is no C compiler."""
        compiler = shutil.which("cc")
        if compiler is None:
            raise RuntimeError("clock jumps need a C compiler: run `make test`, or install gcc and libc6-dev")
        library, offset = folder / "wall_clock.so", folder / "wall_clock.offset"
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE)], check=True, timeout=60)
        offset.write_bytes(_SECONDS.pack(0))
        with offset.open("r+b") as file:
            self._offset = mmap.mmap(file.fileno(), _SECONDS.size)
        self.environment = {"LD_PRELOAD": str(library), "OCRFLEET_TEST_CLOCK": str(offset)}

    def jump(self, offset_s: int) -> None:
        """From now on, the clock is this far from the true one; 0 sets it right."""
        self._offset[:] = _SECONDS.pack(offset_s)

    def close(self) -> None:
        self._offset.close()
