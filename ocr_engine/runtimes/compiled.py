"""Networks that OpenVINO compiled once, kept in a folder for the next process."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

from ocr_engine.whole_file import whole_file

# 10 to 21 MB each; an engine has four, for each number of threads.
_KEPT = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """The networks of one model as the library exports them, and the texts that its weights carried."""

    networks: tuple[bytes | memoryview, ...]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CompiledCache:
    """A folder that any number of processes fill and read at once: a file is whole or not there.

    A file is a line of JSON, with the hash and the sizes of what follows, and the networks. It saves time and nothing
    else: what cannot be written is not kept, and what is damaged is as if it were not there.
    """

    folder: Path

    def get(self, key: str) -> Compiled | None:
        """What was put under the key; None: nothing, or it is damaged."""
        try:
            path = self._file(key)
            content = path.read_bytes()
            start = content.index(b"\n") + 1
            record = json.loads(content[:start])
            # Not copies: a network has up to 22 MB.
            body = memoryview(content)[start:]
            if record["sha256"] != hashlib.sha256(body).hexdigest():
                return None
            networks = tuple(body[at:end] for at, end in pairwise(accumulate(record["bytes"], initial=0)))
            # What is in use is not dropped. A folder that can only be read drops nothing.
            with suppress(OSError):
                os.utime(path)
            return Compiled(networks=networks, metadata=record["metadata"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, compiled: Compiled) -> None:
        """Keep it, and drop what was not used for longest beyond a bound."""
        body = b"".join(compiled.networks)
        record = {
            "sha256": hashlib.sha256(body).hexdigest(),
            "bytes": [len(network) for network in compiled.networks],
            "metadata": dict(compiled.metadata),
        }
        # A full or read-only disk costs the next process its quarter of a second, and nobody a page.
        with suppress(OSError):
            with whole_file(self._file(key)) as file:
                file.write(json.dumps(record).encode() + b"\n")
                file.write(body)
            self._drop_unused()

    def _file(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()}.openvino"

    def _drop_unused(self) -> None:
        aged = sorted((path.stat().st_mtime, path) for path in self.folder.glob("*.openvino"))
        for _, path in aged[:-_KEPT]:
            path.unlink(missing_ok=True)
