"""Addresses of documents that lead inside are refused when they are submitted, and when they turn out to."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from ipaddress import ip_address

import pytest

from producer.contract import names
from producer.contract.errors import InvalidRequest, SourceForbidden
from producer.direct import Producer
from producer.intake import ProducerLimits
from producer.remote import RemoteRules
from tests.integration.fetching import MAX_BYTES, Fetching
from tests.integration.serving import PNG

INWARD_URLS = [
    "http://127.0.0.1/a.png",
    "http://localhost/a.png",
    "http://localhost./a.png",
    "http://printer.localhost/a.png",
    "http://[::1]/a.png",
    "http://2130706433/a.png",
    "http://0x7f000001/a.png",
    "http://0177.0.0.1/a.png",
    "http://127.1/a.png",
    "http://[::ffff:127.0.0.1]/a.png",
    "http://[::127.0.0.1]/a.png",
    "http://[64:ff9b::7f00:1]/a.png",
    "http://[2002:7f00:1::]/a.png",
    "http://0.0.0.0/a.png",
    "http://10.0.0.1/a.png",
    "http://172.16.0.1/a.png",
    "http://192.168.1.1/a.png",
    "http://100.64.0.1/a.png",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/a.png",
    "http://[fd00:ec2::254]/latest/",
    "http://224.0.0.1/a.png",
    "http://[ff02::1]/a.png",
]
OTHER_PORTS = ["http://1.1.1.1:22/a.png", "https://example.org:8443/a.png"]


@pytest.mark.parametrize("url", INWARD_URLS)
def test_an_address_inside_is_refused_at_submission(fetching: Fetching, url: str) -> None:
    closed = Producer(fetching.store, fetching.objects, fetching.bells, closed_limits())
    with pytest.raises(SourceForbidden):
        closed.submit(url)
    assert list(fetching.objects.keys("jobs/")) == []


@pytest.mark.parametrize("url", OTHER_PORTS)
def test_another_port_is_refused_at_submission_with_those_that_are_not(fetching: Fetching, url: str) -> None:
    closed = Producer(fetching.store, fetching.objects, fetching.bells, closed_limits())
    port = url.split(":")[2].partition("/")[0]
    with pytest.raises(SourceForbidden, match=f"from port {port}, only from 80 and 443"):
        closed.submit(url)


@pytest.mark.parametrize("url", INWARD_URLS)
def test_a_webhook_to_an_address_inside_is_refused_at_submission_unless_it_is_allowed(
    fetching: Fetching, url: str
) -> None:
    closed = Producer(fetching.store, fetching.objects, fetching.bells, closed_limits())
    for source in (PNG, "https://example.org/a.png"):
        with pytest.raises(SourceForbidden, match=r"webhook\.url"):
            closed.submit(source, webhook={"url": url})
    assert list(fetching.objects.keys("jobs/")) == []
    opened = replace(closed_limits(), remote=RemoteRules(allow_private_urls=True))
    Producer(fetching.store, fetching.objects, fetching.bells, opened).submit(PNG, webhook={"url": url})


def test_a_webhook_to_a_name_or_to_any_port_outside_is_taken(fetching: Fetching) -> None:
    closed = Producer(fetching.store, fetching.objects, fetching.bells, closed_limits())
    for url in ("https://example.org:8443/hook", "http://1.1.1.1:9000/"):
        closed.submit(PNG, webhook={"url": url})


NO_ADDRESSES = [
    "http://",
    "https:///a",
    "http://user:word@example.org/",
    "http://exa mple.org/",
    "http://[::1",
    "http://h:x/",
    "http://a..b.com/",
    f"http://{'a' * 64}.com/",
]


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_what_is_no_address_is_refused_at_submission(fetching: Fetching, url: str) -> None:
    with pytest.raises(InvalidRequest):
        fetching.producer.submit(url)


def closed_limits() -> ProducerLimits:
    return ProducerLimits(
        max_file_bytes=MAX_BYTES, max_open_jobs=100, job_ttl_s=60, result_ttl_s=60, webhooks_signed=True
    )


def closed(fetching: Fetching) -> Fetching:
    """The same with private addresses refused."""
    return Fetching(
        clock=fetching.clock,
        store=fetching.store,
        objects=fetching.objects,
        bells=fetching.bells,
        other_bucket=fetching.other_bucket,
        rules=RemoteRules(),
    )


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Names stand for one address after the other, and then for the last."""
    left, asked = list(answers), []

    async def getaddrinfo(_loop: object, host: str | bytes, port: int, **_: object) -> list[tuple[object, ...]]:
        address = left.pop(0) if len(left) > 1 else left[0]
        asked.append(address)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_stands_for_an_address_inside_is_never_reached(
    fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = closed(fetching)
    job = guarded.producer.submit("http://documents.example/page.png")
    asked = resolving(monkeypatch, "10.0.0.1")
    ended = guarded.fetch_to_the_end(job.id, timeout_s=2)
    assert ended.error is not None
    assert ended.error.code == "source_forbidden"
    assert asked == ["10.0.0.1"]


def test_a_name_is_looked_up_once_and_the_answer_is_where_the_connection_goes(
    fetching: Fetching, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a second look-up, which would answer with an address inside, never happens.

    This machine plays the public server, so the guard must take its address for one.
    """
    guarded, port = closed(fetching), int(site.rpartition(":")[2])
    playing_public(monkeypatch, port)
    asked = resolving(monkeypatch, "127.0.0.1", "10.0.0.1")
    job = guarded.producer.submit(f"http://documents.example:{port}/page.png")
    guarded.fetch()
    assert asked == ["127.0.0.1"]
    assert fetching.objects.get(names.input_key(job.id, "page.png")) == PNG


def playing_public(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    outside = {ip_address("127.0.0.1")}
    monkeypatch.setattr("producer.remote._PORTS", (None, 80, 443, port))
    monkeypatch.setattr("producer.addresses.is_outside", lambda address: address in outside)
    # The belt below the braces refuses loopback on its own.
    monkeypatch.setattr("workers.outside.httpx_ssrf_protection", lambda client, **_: client)


@pytest.mark.parametrize("target", ["http:!169.254.169.254/", "http:!10.0.0.1/a.png", "ftp:!example.org/a.png"])
def test_where_a_redirect_leads_is_checked_again(
    fetching: Fetching, site: str, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """This machine plays the public server, so the guard must take it for one: only the redirect is refused."""
    guarded = closed(fetching)
    playing_public(monkeypatch, int(site.rpartition(":")[2]))
    job = guarded.producer.submit(f"{site}/away/{target}")
    ended = guarded.fetch_to_the_end(job.id)
    assert ended.error is not None
    assert ended.error.code in ("source_forbidden", "invalid_request")
