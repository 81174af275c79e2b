"""A document at a web address, fetched into a file: from outside, bounded in bytes and time, redirects checked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import BinaryIO

import httpx

from producer.contract.errors import SourceForbidden, SourceUnreachable, TooLarge
from producer.contract.sources import UrlSource, shown
from producer.remote import RemoteRules
from workers.disk import on_disk
from workers.outside import INWARD, UNREACHABLE, Outside

_REDIRECTS_MAX = 5
_IDLE_S = 20.0  # a server that says nothing for so long says nothing more
# Compressed, a small answer could become a large one.
_HEADERS = {"Accept-Encoding": "identity"}


class WebSource:
    """Fetches documents that strangers name. One at a time, in one thread."""

    def __init__(self, rules: RemoteRules, *, max_bytes: int, timeout_s: float) -> None:
        self._rules = rules
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._outside = Outside(allow_private=rules.allow_private_urls, timeout_s=min(_IDLE_S, timeout_s))

    def fetch(self, source: UrlSource, target: BinaryIO, *, is_wanted: Callable[[], bool]) -> None:
        """Write what is at the address to `target`; stops early once it is not wanted.

        Raises: SourceForbidden, SourceUnreachable, TooLarge, InvalidRequest; Unavailable: the disk is full.
        """
        try:
            asyncio.run(self._fetch(source, target, is_wanted))
        except INWARD as error:
            raise SourceForbidden(f"{shown(source)}: {SourceForbidden.__doc__}") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise SourceUnreachable(
                f"{shown(source)} did not give the document within {self._timeout_s:g} s; send it instead"
            ) from error
        except UNREACHABLE as error:
            why = str(error) or type(error).__name__
            raise SourceUnreachable(f"cannot fetch {shown(source)}: {why}; check the address") from error

    async def _fetch(self, source: UrlSource, target: BinaryIO, is_wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(self._timeout_s), self._outside.client() as client, AsyncExitStack() as stack:
            url = httpx.URL(source.url)
            for _ in range(_REDIRECTS_MAX + 1):
                self._rules.check_url(str(url))
                request = await self._outside.request("GET", url, headers=_HEADERS)
                answer = await client.send(request, stream=True)
                stack.push_async_callback(answer.aclose)
                if not answer.has_redirect_location:
                    await self._write(answer, source, target, is_wanted)
                    return
                url = _next(url, answer)
            raise SourceUnreachable(f"{shown(source)} was redirected more than {_REDIRECTS_MAX} times")

    async def _write(
        self, answer: httpx.Response, source: UrlSource, target: BinaryIO, is_wanted: Callable[[], bool]
    ) -> None:
        where = shown(source)
        if answer.status_code != httpx.codes.OK:
            raise SourceUnreachable(f"{where} answered HTTP {answer.status_code}; check that anybody can get it")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise SourceUnreachable(f"{where} came compressed, though that was not asked for; send it instead")
        size_bytes = 0
        async for chunk in answer.aiter_raw():
            size_bytes += len(chunk)
            if size_bytes > self._max_bytes:
                raise TooLarge(f"{where} has more than {self._max_bytes} bytes; split it")
            with on_disk():
                target.write(chunk)
            if not is_wanted():
                return


def _next(url: httpx.URL, answer: httpx.Response) -> httpx.URL:
    """Where a redirect leads. Raises: SourceForbidden: out of https."""
    target = url.join(answer.headers["Location"])
    if url.scheme == "https" and target.scheme != "https":
        raise SourceForbidden(f"{url.host} redirects away from https; give the address it leads to")
    return target
