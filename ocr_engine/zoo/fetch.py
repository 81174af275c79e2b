"""Download one file over HTTP: bounded in bytes and time, and taken up again where it broke off."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import httpx

_ATTEMPTS = 4
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class FetchFailed(Exception):
    """A host did not give the file; the text says why, for the list of what was tried."""


class _Interrupted(Exception):
    """The transfer broke off; what has come is kept and the rest may be asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds of one model's download; `total_s` is for all hosts and files together."""

    max_bytes: int = 1 << 30
    connect_s: float = 10.0
    read_s: float = 30.0
    total_s: float = 1800.0


def open_client(limits: Limits) -> httpx.Client:
    """A client with the machine's proxy settings, bounded in time and redirects. Close it."""
    # Here and below: the library takes a fifth of a second to import, and most engines find their models here.
    import httpx

    return httpx.Client(
        timeout=httpx.Timeout(limits.read_s, connect=limits.connect_s),
        follow_redirects=True,
        max_redirects=5,
        headers={"Accept-Encoding": "identity"},
    )


def leaves_https(response: httpx.Response) -> bool:
    """True if an address that was encrypted was redirected to one that is not."""
    chain = [*response.history, response]
    return chain[0].url.scheme == "https" and any(hop.url.scheme != "https" for hop in chain)


class Fetcher:
    """Downloads the files of one model, with the machine's proxy settings. A context manager; use it in one thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._give_up_at = time.monotonic() + limits.total_s
        self._client = open_client(limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def fetch(self, url: str, target: Path) -> None:
        """Write the file at `url` to `target`; a part of an earlier try is continued where the host allows it.

        Safe to repeat: `target` appears whole or not at all. Raises: FetchFailed; OSError: the disk.
        """
        import httpx

        part = target.with_name(target.name + ".part")
        if target.exists():
            _tag_file(part).unlink(missing_ok=True)
            return
        for attempt in range(_ATTEMPTS):
            try:
                self._transfer(url, part)
            except _Interrupted as error:
                if attempt + 1 == _ATTEMPTS:
                    raise FetchFailed(f"broke off {_ATTEMPTS} times: {error}") from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise FetchFailed(f"{type(error).__name__}: {error}") from error
            else:
                part.rename(target)
                _tag_file(part).unlink(missing_ok=True)
                return

    def _transfer(self, url: str, part: Path) -> None:
        import httpx

        have = part.stat().st_size if part.exists() else 0
        tag = _tag_file(part).read_text(encoding="utf-8") if _tag_file(part).exists() else ""
        # Without the tag of what came first, the rest might be that of another version.
        headers = {"Range": f"bytes={have}-", "If-Range": tag} if have and tag else {}
        with self._client.stream("GET", url, headers=headers) as response:
            if headers and response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink()
                raise _Interrupted("the host has another version now")
            start, expected = _accept(response, have if headers else 0)
            if expected is not None and expected > self._limits.max_bytes:
                raise FetchFailed(f"{expected} bytes are more than the limit of {self._limits.max_bytes}")
            if not start:
                # In this order, so that a new tag never stands beside old bytes.
                part.unlink(missing_ok=True)
                _tag_file(part).write_text(_strong_tag(response), encoding="utf-8")
            size = start
            with part.open("ab" if start else "wb") as file:
                try:
                    for chunk in response.iter_raw():
                        size += len(chunk)
                        self._check_bounds(size)
                        file.write(chunk)
                except (httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout) as error:
                    raise _Interrupted(
                        f"{size} of {expected or 'unknown'} bytes came ({type(error).__name__})"
                    ) from error
        if expected is not None and size != expected:
            raise _Interrupted(f"{size} of {expected} bytes came")

    def _check_bounds(self, size: int) -> None:
        if size > self._limits.max_bytes:
            raise FetchFailed(f"more than the limit of {self._limits.max_bytes} bytes came")
        if time.monotonic() > self._give_up_at:
            raise FetchFailed(f"took more than {self._limits.total_s:.0f} s")


def _accept(response: httpx.Response, have: int) -> tuple[int, int | None]:
    """Where this answer starts in the file, and how long the whole is, if the host says. Raises: FetchFailed."""
    import httpx

    if leaves_https(response):
        raise FetchFailed("redirected away from https")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise FetchFailed("sent compressed")
    if response.status_code == httpx.codes.OK:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else None
    if response.status_code == httpx.codes.PARTIAL_CONTENT and have:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match and int(match[1]) == have:
            return have, int(match[2]) if match[2] != "*" else None
    raise FetchFailed(f"HTTP {response.status_code}")


def _strong_tag(response: httpx.Response) -> str:
    """The tag that If-Range takes; a weak one does not promise the same bytes."""
    tag: str = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else ""


def _tag_file(part: Path) -> Path:
    return part.with_name(part.name + ".tag")
