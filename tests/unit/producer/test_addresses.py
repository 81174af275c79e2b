"""Which addresses a webhook may go to. Literals only: nothing is looked up, nothing is connected to."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest

from producer.addresses import InwardAddress, is_outside, resolve_outside

INWARD = [
    "127.0.0.1",
    "0.0.0.0",  # noqa: S104 -- an address that must be refused
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "fec0::1",
    "ff02::1",
    "2002:7f00:1::",
    "64:ff9b::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
]


@pytest.mark.parametrize("address", INWARD)
def test_an_inward_address_is_refused_before_any_connection(address: str) -> None:
    assert not is_outside(ip_address(address))
    with pytest.raises(InwardAddress):
        asyncio.run(resolve_outside(address, 80))


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111"])
def test_a_public_address_is_outside(address: str) -> None:
    assert is_outside(ip_address(address))


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
def test_other_spellings_of_loopback_are_refused(spelling: str) -> None:
    with pytest.raises(InwardAddress):
        asyncio.run(resolve_outside(spelling, 80))
