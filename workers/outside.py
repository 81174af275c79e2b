"""HTTP to addresses that strangers name: to the outside only, to the address that was checked, for a bounded time."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address

import httpx
from httpx_secure import SSRFProtectionError, httpx_ssrf_protection

from producer.addresses import InwardAddress, is_outside, resolve_outside

# Both mean: the address leads inside.
INWARD = (InwardAddress, SSRFProtectionError)
# There is nobody there, or no answer that is one. The last: a host that cannot be a name, such as `a..b`.
UNREACHABLE = (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError)


class Outside:
    """Makes such clients. allow_private: no address is refused; for receivers and documents on the own network."""

    def __init__(self, *, allow_private: bool, timeout_s: float) -> None:
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._trust = httpx.create_ssl_context(trust_env=False)  # 22 ms, so not anew for every client

    def client(self) -> httpx.AsyncClient:
        """A client that follows no redirect, for requests of `request`; one to an address inside it refuses itself."""
        # trust_env off: a proxy would reach what we must not.
        plain = httpx.AsyncClient(timeout=self._timeout_s, follow_redirects=False, trust_env=False, verify=self._trust)
        if self._allow_private:
            return plain
        return httpx_ssrf_protection(plain, custom_validator=_is_allowed)

    async def request(
        self, method: str, url: httpx.URL, *, headers: Mapping[str, str], content: bytes | None = None
    ) -> httpx.Request:
        """A request to an address that was checked, under the name of its host, which is never looked up again.

        Raises: InwardAddress; one of UNREACHABLE when the name has no address.
        """
        if self._allow_private:
            return httpx.Request(method, url, headers=headers, content=content)
        address = await resolve_outside(url.host, url.port or (443 if url.scheme == "https" else 80))
        return httpx.Request(
            method,
            url.copy_with(host=address),
            headers={"Host": url.netloc.decode(), **headers},
            content=content,
            extensions={"sni_hostname": url.host},  # what TLS asks for and compares the certificate with
        )


def _is_allowed(_hostname: str, address: IPv4Address | IPv6Address, _port: int) -> bool:
    return is_outside(address)
