"""The same mistake has the same code from the API, the HTTP client, the commands, and straight from Python."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from producer import OcrFleetClient, connect
from producer.contract.errors import OcrFleetError
from producer.contract.jobs import JobRequest
from producer.direct import Producer
from producer.settings import Settings, load_settings
from tests.integration.serving import PNG, serving
from workers.cli import app

UNKNOWN = "0" * 32
Service = Producer | OcrFleetClient
Mistake = tuple[str, Callable[[Service], object], list[str], str, str, dict[str, object] | None, int]


def sent(**fields: object) -> dict[str, object]:
    return {"source": {"type": "base64", "data": base64.b64encode(PNG).decode()}, **fields}


def named(kind: str, **source: str) -> dict[str, object]:
    return {"source": {"type": kind, **source}}


# code, in Python, as a command, as a request, exit status
MISTAKES: list[Mistake] = [
    (
        "invalid_request",
        lambda s: s.submit(PNG, pages="3-1"),
        ["submit", "page.png", "--pages", "3-1"],
        "POST",
        "/v1/jobs",
        sent(pages="3-1"),
        2,
    ),
    (
        "invalid_request",
        lambda s: s.submit(PNG, device="toaster"),
        ["submit", "page.png", "--device", "toaster"],
        "POST",
        "/v1/jobs",
        sent(device="toaster"),
        2,
    ),
    (
        "invalid_request",
        lambda s: s.submit(b""),
        ["submit", "empty.png"],
        "POST",
        "/v1/jobs",
        named("base64", data=""),
        2,
    ),
    (
        "invalid_request",
        lambda s: s.submit("https://u:p@example.org/a"),
        ["submit", "https://u:p@example.org/a"],
        "POST",
        "/v1/jobs",
        named("url", url="https://u:p@example.org/a"),
        2,
    ),
    (
        "unsupported_media",
        lambda s: s.submit(b"words"),
        ["submit", "words.txt"],
        "POST",
        "/v1/jobs",
        named("base64", data=base64.b64encode(b"words").decode()),
        2,
    ),
    (
        "too_large",
        lambda s: s.submit(PNG + bytes(60_000)),
        ["submit", "large.png"],
        "POST",
        "/v1/jobs",
        named("base64", data=base64.b64encode(PNG + bytes(60_000)).decode()),
        2,
    ),
    (
        "source_forbidden",
        lambda s: s.submit("http://127.0.0.1/a"),
        ["submit", "http://127.0.0.1/a"],
        "POST",
        "/v1/jobs",
        named("url", url="http://127.0.0.1/a"),
        2,
    ),
    (
        "source_forbidden",
        lambda s: s.submit("s3://secrets/a"),
        ["submit", "s3://secrets/a"],
        "POST",
        "/v1/jobs",
        named("s3", uri="s3://secrets/a"),
        2,
    ),
    ("not_found", lambda s: s.status(UNKNOWN), ["status", UNKNOWN], "GET", f"/v1/jobs/{UNKNOWN}", None, 4),
    ("not_found", lambda s: s.result("x"), ["result", "x"], "GET", "/v1/jobs/x/result", None, 4),
    ("not_found", lambda s: s.cancel(UNKNOWN), ["cancel", UNKNOWN], "POST", f"/v1/jobs/{UNKNOWN}/cancel", None, 4),
    ("not_found", lambda s: s.delete(UNKNOWN), ["delete", UNKNOWN], "DELETE", f"/v1/jobs/{UNKNOWN}", None, 4),
    (
        "not_found",
        lambda s: s.dead_letter(UNKNOWN),
        ["dead", "show", UNKNOWN],
        "GET",
        f"/v1/dead-letters/{UNKNOWN}",
        None,
        4,
    ),
    ("not_found", lambda s: s.revoke_key("x"), ["keys", "revoke", "x"], "DELETE", "/v1/keys/x", None, 4),
    (
        "invalid_request",
        lambda s: s.submit(PNG, idempotency_key="a\nb"),
        ["submit", "page.png", "--idempotency-key", "a\nb"],
        "POST",
        "/v1/jobs",
        sent(idempotency_key="a\nb"),
        2,
    ),
    ("invalid_request", lambda s: s.jobs(cursor="x"), ["list", "--cursor", "x"], "GET", "/v1/jobs?cursor=x", None, 2),
]
NAMES = [f"{code}-{' '.join(command)[:40]}" for code, _, command, *_ in MISTAKES]


@pytest.fixture
def settings(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("OCRFLEET_REDIS_URL", redis_url)
    monkeypatch.setenv("OCRFLEET_STORE_URL", f"file://{tmp_path}/objects")
    monkeypatch.setenv("OCRFLEET_MAX_FILE_BYTES", "50000")
    for name, data in (
        ("page.png", PNG),
        ("empty.png", b""),
        ("words.txt", b"words"),
        ("large.png", PNG + bytes(60_000)),
    ):
        (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    return load_settings()


@pytest.fixture
def straight(settings: Settings) -> Iterator[Producer]:
    producer = connect(settings)
    yield producer
    producer.close()


def test_the_same_mistake_has_the_same_code_everywhere(straight: Producer, settings: Settings) -> None:
    with serving(straight, settings) as address, OcrFleetClient(address) as client:
        found = [_codes(mistake, straight, client, address) for mistake in MISTAKES]
    expected: list[dict[str, object]] = []
    for code, *_, exit_ in MISTAKES:
        told = (code, exit_)
        expected.append({"python": code, "client": code, "api": code, "command": told, "command over HTTP": told})
    assert dict(zip(NAMES, found, strict=True)) == dict(zip(NAMES, expected, strict=True))


def test_what_is_wrong_with_a_request_is_said_in_the_same_words_everywhere(
    straight: Producer, settings: Settings
) -> None:
    options: dict[str, object] = {"foo": 1}
    with serving(straight, settings) as address, OcrFleetClient(address) as client:
        answer = httpx.post(f"{address}/v1/jobs", json=sent(options=options))
        told = {
            answer.json()["error"]["message"],
            _error(lambda s: s.submit(PNG, options=options), straight).message,
            _error(lambda s: s.submit(PNG, options=options), client).message,
            _error_told(["submit", "page.png", "--option", "foo=1"])[0]["message"],
        }
    assert len(told) == 1
    assert "use_doc_unwarping" in told.pop()


@pytest.mark.parametrize(
    ("code", "ask"),
    [
        ("not_found", lambda s: s.batch("../fleet")),
        ("not_found", lambda s: s.redeliver("../fleet")),
        ("not_found", lambda s: s.deliveries("../fleet")),
        ("not_found", lambda s: s.download("../fleet", "result.json", Path("nowhere"))),
        ("not_found", lambda s: s.download(UNKNOWN, "../result.json", Path("nowhere"))),
        ("invalid_request", lambda s: s.jobs(status="done")),
        ("invalid_request", lambda s: s.submit(None)),
        ("invalid_request", lambda s: s.submit_batch([], JobRequest())),
        ("invalid_request", lambda s: s.submit_batch([None], JobRequest())),
        ("invalid_request", lambda s: s.submit_batch(["page.png"], JobRequest())),
        ("source_forbidden", lambda s: s.submit_batch(["https://example.org/a", "s3://secrets/a"], JobRequest())),
        ("invalid_request", lambda s: s.submit(PNG, metadata={"a": "\udcff"})),
        ("invalid_request", lambda s: s.submit(PNG, metadata={"a": object()})),
    ],
)
def test_what_no_command_asks_has_the_same_code_over_http_as_straight(
    straight: Producer, settings: Settings, code: str, ask: Callable[[Service], object]
) -> None:
    with serving(straight, settings) as address, OcrFleetClient(address) as client:
        assert [_code(ask, service) for service in (straight, client)] == [code, code]


def _codes(mistake: Mistake, straight: Producer, client: OcrFleetClient, address: str) -> dict[str, object]:
    _, ask, command, method, path, body, _ = mistake
    answer = httpx.request(method, address + path, json=body)
    return {
        "python": _code(ask, straight),
        "client": _code(ask, client),
        "api": answer.json()["error"]["code"],
        "command": _told(command),
        "command over HTTP": _told([*command, "--server", address]),
    }


def _code(ask: Callable[[Service], object], service: Service) -> str:
    return _error(ask, service).code


def _error(ask: Callable[[Service], object], service: Service) -> OcrFleetError:
    with pytest.raises(OcrFleetError) as refused:
        ask(service)
    return refused.value


def _told(command: list[str]) -> tuple[str, int]:
    error, status = _error_told(command)
    return error["code"], status


def _error_told(command: list[str]) -> tuple[dict[str, str], int]:
    done = CliRunner().invoke(app, [*command, "--json"])
    error: dict[str, str] = json.loads(done.stdout)["error"]
    return error, done.exit_code
