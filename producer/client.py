"""The HTTP clients: the Producer's verbs against a server's API, blocking and not."""

from __future__ import annotations

import asyncio
import functools
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

import httpx

from producer.contract.errors import InvalidRequest, OcrFleetError, Unavailable
from producer.contract.jobs import Event
from producer.contract.keys import plain_key
from producer.patience import in_time
from producer.wire import verbs
from producer.wire.calls import Answer, Call, Pause, Steps, Stream, error_of, not_reached
from producer.wire.streams import EventFeed

# Each wait holds one; httpx's own 100 let the others go without an answer. Half of the files that a process may open.
_LIMITS = httpx.Limits(max_connections=500, max_keepalive_connections=100)
_OUTAGE_S = 3600.0  # as long as `wait` waits
# What RFC 9110 lets be a header's value, less what is no ASCII.
_HEADER = re.compile(r"([!-~]([ -~\t]*[!-~])?)?")
_CHUNK_BYTES = 1 << 18
_WRITE_SERVER = "server: write the address of the HTTP API, --server or OCRFLEET_SERVER, as http://host:8080"
_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Blocking(Generic[_P, _T]):
    """A verb as a method that waits for its answers."""

    def __init__(self, verb: Callable[_P, Steps[_T]]) -> None:
        self._verb = verb

    @overload
    def __get__(self, client: None, kind: type[OcrFleetClient]) -> Self: ...
    @overload
    def __get__(self, client: OcrFleetClient, kind: type[OcrFleetClient]) -> Callable[_P, _T]: ...
    def __get__(self, client: OcrFleetClient | None, kind: type[OcrFleetClient]) -> Self | Callable[_P, _T]:
        if client is None:
            return self

        @functools.wraps(self._verb)
        def method(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            return client._run(self._verb(*args, **kwargs))

        return method


class _Awaited(Generic[_P, _T]):
    """A verb as a method to be awaited."""

    def __init__(self, verb: Callable[_P, Steps[_T]]) -> None:
        self._verb = verb

    @overload
    def __get__(self, client: None, kind: type[AsyncOcrFleetClient]) -> Self: ...
    @overload
    def __get__(
        self, client: AsyncOcrFleetClient, kind: type[AsyncOcrFleetClient]
    ) -> Callable[_P, Coroutine[Any, Any, _T]]: ...
    def __get__(
        self, client: AsyncOcrFleetClient | None, kind: type[AsyncOcrFleetClient]
    ) -> Self | Callable[_P, Coroutine[Any, Any, _T]]:
        if client is None:
            return self

        @functools.wraps(self._verb)
        async def method(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            return await client._run(self._verb(*args, **kwargs))

        return method


class OcrFleetClient:
    """Submit and follow jobs over HTTP. Safe to share between threads.

    timeout_s: how long the server may keep silent. Every method raises the errors of `Producer`, and `Unavailable` when
    the server cannot be reached. What the server refuses for a while (503, 429), and what it did not answer, is tried
    three times where that is safe; `wait` tries until its time is over, `events` for an hour.
    """

    submit = _Blocking(verbs.submit)
    upload = _Blocking(verbs.upload)
    submit_batch = _Blocking(verbs.submit_batch)
    batch = _Blocking(verbs.batch)
    status = _Blocking(verbs.status)
    wait = _Blocking(verbs.wait)
    jobs = _Blocking(verbs.jobs)
    cancel = _Blocking(verbs.cancel)
    retry = _Blocking(verbs.retry)
    delete = _Blocking(verbs.delete)
    result = _Blocking(verbs.result)
    document = _Blocking(verbs.document)
    page = _Blocking(verbs.page)
    page_result = _Blocking(verbs.page_result)
    download = _Blocking(verbs.download)
    dead_letters = _Blocking(verbs.dead_letters)
    dead_letter = _Blocking(verbs.dead_letter)
    deliveries = _Blocking(verbs.deliveries)
    redeliver = _Blocking(verbs.redeliver)
    create_key = _Blocking(verbs.create_key)
    list_keys = _Blocking(verbs.list_keys)
    revoke_key = _Blocking(verbs.revoke_key)
    fleet = _Blocking(verbs.fleet)

    def __init__(self, server: str, *, api_key: str | None = None, timeout_s: float = 30) -> None:
        self._server = _Server(server, api_key, timeout_s)
        self._http = httpx.Client(timeout=timeout_s, limits=_LIMITS, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def events(self, job_id: str, *, after: str = "", outage_s: float = _OUTAGE_S) -> Iterator[Event]:
        """What happens to the job, as it happens, until it has ended: each event once, in order.

        A stream that breaks off is taken up again, and a server that is away is tried for `outage_s`. after: the id of
        the last event that was seen before.
        """
        feed = EventFeed(job_id=job_id, after=after, outage_s=outage_s)
        while not feed.is_over:
            call, failure = feed.call(), None
            try:
                with self._http.stream(**self._server.request(call, self._http)) as response:
                    if not response.is_success:
                        response.read()
                        raise _failure(response, call)
                    feed.opened(response.headers.get("content-type", ""))
                    for line in response.iter_lines():
                        if (event := feed.take(line)) is not None:
                            yield event
                if feed.is_to_be_looked_up:
                    feed.looked_up(self.status(job_id))
            except (httpx.RequestError, OcrFleetError) as error:
                failure = self._server.failure(error)
            if not feed.is_over:
                time.sleep(feed.pause_s(failure))

    def _run(self, steps: Steps[_T]) -> _T:
        answer: Answer | None = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                result: _T = end.value
                return result
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                answer = None
            else:
                answer = self._answer(step)

    def _answer(self, call: Call) -> Answer:
        if call.within_s is None:
            return self._exchange(call)
        try:
            return in_time(functools.partial(self._exchange, call), within_s=call.within_s)
        except Unavailable as error:
            return self._server.no_answer(error)

    def _exchange(self, call: Call) -> Answer:
        try:
            with self._http.stream(**self._server.request(call, self._http)) as response:
                if call.target is None or not response.is_success:
                    response.read()
                    return _answer(response, response.content)
                for chunk in response.iter_bytes():
                    call.target.write(chunk)
                return _answer(response, b"")
        except (httpx.RequestError, httpx.InvalidURL) as error:
            return self._server.no_answer(error)


class AsyncOcrFleetClient:
    """`OcrFleetClient` for asyncio: the same verbs, awaited. For one event loop."""

    submit = _Awaited(verbs.submit)
    upload = _Awaited(verbs.upload)
    submit_batch = _Awaited(verbs.submit_batch)
    batch = _Awaited(verbs.batch)
    status = _Awaited(verbs.status)
    wait = _Awaited(verbs.wait)
    jobs = _Awaited(verbs.jobs)
    cancel = _Awaited(verbs.cancel)
    retry = _Awaited(verbs.retry)
    delete = _Awaited(verbs.delete)
    result = _Awaited(verbs.result)
    document = _Awaited(verbs.document)
    page = _Awaited(verbs.page)
    page_result = _Awaited(verbs.page_result)
    download = _Awaited(verbs.download)
    dead_letters = _Awaited(verbs.dead_letters)
    dead_letter = _Awaited(verbs.dead_letter)
    deliveries = _Awaited(verbs.deliveries)
    redeliver = _Awaited(verbs.redeliver)
    create_key = _Awaited(verbs.create_key)
    list_keys = _Awaited(verbs.list_keys)
    revoke_key = _Awaited(verbs.revoke_key)
    fleet = _Awaited(verbs.fleet)

    def __init__(self, server: str, *, api_key: str | None = None, timeout_s: float = 30) -> None:
        self._server = _Server(server, api_key, timeout_s)
        self._http = httpx.AsyncClient(timeout=timeout_s, limits=_LIMITS, follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def events(self, job_id: str, *, after: str = "", outage_s: float = _OUTAGE_S) -> AsyncIterator[Event]:
        """As those of `OcrFleetClient`."""
        feed = EventFeed(job_id=job_id, after=after, outage_s=outage_s)
        while not feed.is_over:
            call, failure = feed.call(), None
            try:
                async with self._http.stream(**self._server.request(call, self._http)) as response:
                    if not response.is_success:
                        await response.aread()
                        raise _failure(response, call)
                    feed.opened(response.headers.get("content-type", ""))
                    async for line in response.aiter_lines():
                        if (event := feed.take(line)) is not None:
                            yield event
                if feed.is_to_be_looked_up:
                    feed.looked_up(await self.status(job_id))
            except (httpx.RequestError, OcrFleetError) as error:
                failure = self._server.failure(error)
            if not feed.is_over:
                await asyncio.sleep(feed.pause_s(failure))

    async def _run(self, steps: Steps[_T]) -> _T:
        answer: Answer | None = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                result: _T = end.value
                return result
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                answer = None
            else:
                answer = await self._answer(step)

    async def _answer(self, call: Call) -> Answer:
        if call.within_s is None:
            return await self._exchange(call)
        try:
            async with asyncio.timeout(call.within_s):
                return await self._exchange(call)
        except TimeoutError:
            return self._server.no_answer(Unavailable(f"no answer within {call.within_s:.1f} s"))

    async def _exchange(self, call: Call) -> Answer:
        request = self._server.request(call, self._http)
        if call.content is not None:
            request["content"] = _chunks(call.content)
        try:
            async with self._http.stream(**request) as response:
                if call.target is None or not response.is_success:
                    await response.aread()
                    return _answer(response, response.content)
                async for chunk in response.aiter_bytes():
                    call.target.write(chunk)
                return _answer(response, b"")
        except (httpx.RequestError, httpx.InvalidURL) as error:
            return self._server.no_answer(error)


class _Server:
    """Where the service is, what opens it, and how long it may take."""

    def __init__(self, address: str, api_key: str | None, timeout_s: float) -> None:
        """Raises: InvalidRequest: that is no address, or no key."""
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL as error:
            raise InvalidRequest(f"{_WRITE_SERVER}: {error}") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise InvalidRequest(_WRITE_SERVER)
        self._address = address.rstrip("/")
        self._shown = str(url.copy_with(userinfo=b"")).rstrip("/")  # of a password nobody is told
        self._timeout_s = timeout_s
        try:
            self._own = {"Authorization": f"Bearer {plain_key(api_key)}"} if api_key else {}
        except ValueError as error:
            raise InvalidRequest(f"api_key: {error}") from None

    def request(self, call: Call, http: httpx.Client | httpx.AsyncClient) -> dict[str, Any]:
        """A call as the arguments of httpx. The key goes to the service and to nobody else.

        Raises: InvalidRequest: it cannot be sent.
        """
        if http.is_closed:
            raise InvalidRequest("this client is closed; make another one")
        is_ours = call.url.startswith("/")
        headers = {**(self._own if is_ours else {}), **call.headers}
        for name, value in headers.items():
            if not _HEADER.fullmatch(value):  # which is not shown: it may be a secret
                raise InvalidRequest(f"{name}: this is no value of a header; write it in ASCII, on one line")
        for name, param in call.params.items():
            if isinstance(param, str) and not _is_text(param):
                raise InvalidRequest(f"{name}: this is no text that can be sent; write it in Unicode")
        timeout_s = self._timeout_s + call.holds_s
        return {
            "method": call.method,
            "url": self._address + call.url if is_ours else call.url,
            "headers": headers,
            "params": call.params or None,
            "json": call.json,
            "files": call.files,
            "content": call.content,
            "timeout": timeout_s if call.within_s is None else min(timeout_s, call.within_s),
        }

    def no_answer(self, error: Exception) -> Answer:
        """What stands for the answer that did not come. Raises: InvalidRequest: nothing whole was sent."""
        if isinstance(error, httpx.LocalProtocolError):
            # What it says of itself may show a header's value.
            raise InvalidRequest("this cannot be sent over HTTP; check the values and the document") from None
        reason = str(error) or type(error).__name__
        if isinstance(error, httpx.PoolTimeout):
            reason = f"{_LIMITS.max_connections} calls of this client are on their way; make fewer at once"
        return Answer(status=0, content=f"{self._shown}: {reason}".encode(errors="replace"))

    def failure(self, error: httpx.RequestError | OcrFleetError) -> OcrFleetError:
        """Why a stream broke off. Raises: InvalidRequest: nothing whole was sent."""
        return error if isinstance(error, OcrFleetError) else not_reached(self.no_answer(error))


def _is_text(value: str) -> bool:
    """Not half a character, as a name on disk may be."""
    return value.encode(errors="replace").decode() == value


async def _chunks(stream: Stream) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(stream.read, _CHUNK_BYTES):
        yield chunk


def _answer(response: httpx.Response, content: bytes) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, content=content, headers=headers)


def _failure(response: httpx.Response, call: Call) -> OcrFleetError:
    return error_of(_answer(response, response.content), call) or Unavailable()
