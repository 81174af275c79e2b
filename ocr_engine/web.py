"""Documents at web addresses: fetched whole into memory, bounded in bytes, time and redirects."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ocr_engine.errors import InvalidRequest, SourceUnreachable, TooLarge
from ocr_engine.zoo.fetch import Limits, leaves_https, open_client

if TYPE_CHECKING:
    import httpx

# A scan of some hundred pages; five minutes on a slow line.
DOCUMENT_LIMITS = Limits(max_bytes=256 << 20, connect_s=10.0, read_s=30.0, total_s=300.0)


def is_address(text: str) -> bool:
    """True for an http or https address; everything else is a path."""
    return text.lower().startswith(("http://", "https://"))


def shown_address(url: str) -> str:
    """The address as results report it: without user, query and fragment, where keys to the document may stand.

    Raises: InvalidRequest: it is not an address.
    """
    parsed = _parsed(url)
    return str(parsed.copy_with(userinfo=b"", query=None, fragment=None))


def fetch_document(url: str, limits: Limits = DOCUMENT_LIMITS) -> bytes:
    """The bytes at an address, whatever their name or announced type. Keeps no file.

    It fetches from any host that this process reaches, the local network included: pass no addresses of strangers.
    Raises: InvalidRequest: it is not an address; SourceUnreachable: it gave no document in time; TooLarge.
    """
    # Here and below: it takes a fifth of a second to import, and most documents are files.
    import httpx

    address = _parsed(url)
    where = shown_address(url)
    give_up_at = time.monotonic() + limits.total_s
    try:
        with open_client(limits) as client, client.stream("GET", address) as response:
            if leaves_https(response):
                raise SourceUnreachable(f"{where} was redirected away from https; give the address it leads to")
            if response.status_code != httpx.codes.OK:
                raise SourceUnreachable(f"{where} answered HTTP {response.status_code}; check the address")
            return _body(response, where, limits, give_up_at)
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise SourceUnreachable(f"cannot fetch {where}: {reason}; check the address and the connection") from error


def _body(response: httpx.Response, where: str, limits: Limits, give_up_at: float) -> bytes:
    # Counted as it comes, unpacked: what a header announces may be wrong.
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > limits.max_bytes:
            raise TooLarge(f"{where} has more bytes than the limit of {limits.max_bytes}; download it and split it")
        if time.monotonic() > give_up_at:
            raise SourceUnreachable(f"{where} took more than {limits.total_s:.0f} s; download it and give its path")
    return bytes(content)


def _parsed(url: str) -> httpx.URL:
    import httpx

    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidRequest(f"{url[:80]!r} is not a web address: {error}") from error
    if not address.host:
        raise InvalidRequest(f"{url[:80]!r} names no host; give an address such as https://host/page.png")
    return address
