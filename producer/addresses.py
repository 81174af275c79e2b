"""Which addresses lead outside: the guard against being used to reach what only we can reach (SSRF)."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

# Ranges that Python, or some release of it, calls global but that may lead back inside: IPv4-compatible, 6to4, NAT64 of
# everybody and of one site, and site-local addresses.
_INWARD = tuple(map(IPv6Network, ("::/96", "2002::/16", "64:ff9b::/96", "64:ff9b:1::/48", "fec0::/10")))


class InwardAddress(Exception):
    """The address is private; OCRFLEET_ALLOW_PRIVATE_URLS allows it."""


def is_outside(address: IPv4Address | IPv6Address) -> bool:
    """Whether anybody on the internet means the same host by this address."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_outside(address.ipv4_mapped)
        if any(address in network for network in _INWARD):
            return False
    return address.is_global and not address.is_multicast


def is_inward_literal(host: str) -> bool:
    """Whether a host is an address that leads inside, in any spelling that a resolver takes, or names this machine.

    Looks nothing up: a name of which this is not known is checked when it is fetched.
    """
    if host.rstrip(".").lower() == "localhost" or host.lower().rstrip(".").endswith(".localhost"):
        return True
    try:
        found = socket.getaddrinfo(host.rstrip("."), 80, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return any(not is_outside(ip_address(str(place[0]).partition("%")[0])) for *_, place in found)


async def resolve_outside(host: str, port: int) -> str:
    """An address of `host`, all of whose addresses lead outside.

    The connection must be made to this very address: the next look-up of the name may answer differently.
    Raises: InwardAddress; OSError when the name has no address; UnicodeError when it can be no name.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    places = [str(place[0]) for *_, place in found]
    if not places or not all(is_outside(ip_address(place.partition("%")[0])) for place in places):
        raise InwardAddress((InwardAddress.__doc__ or "").strip())
    return places[0]
