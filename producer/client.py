"""The HTTP clients: the Producer's verbs against a server's API, blocking and not."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

import httpx

from producer.contract.errors import InvalidRequest, OcrFleetError, Unavailable
from producer.contract.jobs import Event
from producer.wire import verbs
from producer.wire.calls import TRIES, Answer, Call, Pause, Steps, Stream, error_of
from producer.wire.streams import EventFeed

_EVENTS_PAUSE_S = 0.5
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

    Every method raises the errors of `Producer`, and `Unavailable` when the server cannot be reached. What the server
    refuses for a while (503, 429), and what it did not answer, is tried three times where that is safe; `wait` tries
    until its time is over.
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
        self._server = _Server(server, api_key)
        self._http = httpx.Client(timeout=timeout_s + verbs.POLL_S, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def events(self, job_id: str, *, after: str = "") -> Iterator[Event]:
        """What happens to the job, as it happens, until it has ended; a stream that breaks off is taken up again.

        after: the id of the last event that was seen before.
        """
        feed, left, has_ended = EventFeed(job_id=job_id, after=after), TRIES, False
        while not feed.is_over:
            seen = feed.after
            try:
                with self._http.stream(**self._server.request(feed.call())) as response:
                    if response.is_error:
                        response.read()
                        raise _failure(response, feed)
                    for line in response.iter_lines():
                        if (event := feed.take(line)) is not None:
                            left = TRIES
                            yield event
                if feed.after == seen:  # of an ended job such a stream has told everything
                    if has_ended:
                        return
                    has_ended = self.status(job_id).status.is_terminal
            except (httpx.TransportError, OcrFleetError) as error:
                left = _tries_left(error, left)
            if not feed.is_over:
                time.sleep(_EVENTS_PAUSE_S)

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
        try:
            with self._http.stream(**self._server.request(call)) as response:
                if call.target is None or not response.is_success:
                    response.read()
                    return _answer(response, response.content)
                for chunk in response.iter_bytes():
                    call.target.write(chunk)
                return _answer(response, b"")
        except httpx.TransportError as error:
            return _no_answer(self._server, error)


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
        self._server = _Server(server, api_key)
        self._http = httpx.AsyncClient(timeout=timeout_s + verbs.POLL_S, follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def events(self, job_id: str, *, after: str = "") -> AsyncIterator[Event]:
        """What happens to the job, as it happens, until it has ended; a stream that breaks off is taken up again."""
        feed, left, has_ended = EventFeed(job_id=job_id, after=after), TRIES, False
        while not feed.is_over:
            seen = feed.after
            try:
                async with self._http.stream(**self._server.request(feed.call())) as response:
                    if response.is_error:
                        await response.aread()
                        raise _failure(response, feed)
                    async for line in response.aiter_lines():
                        if (event := feed.take(line)) is not None:
                            left = TRIES
                            yield event
                if feed.after == seen:
                    if has_ended:
                        return
                    has_ended = (await self.status(job_id)).status.is_terminal
            except (httpx.TransportError, OcrFleetError) as error:
                left = _tries_left(error, left)
            if not feed.is_over:
                await asyncio.sleep(_EVENTS_PAUSE_S)

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
        request = self._server.request(call)
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
        except httpx.TransportError as error:
            return _no_answer(self._server, error)


class _Server:
    """Where the service is and what opens it."""

    def __init__(self, address: str, api_key: str | None) -> None:
        """Raises: InvalidRequest: that is no address."""
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL as error:
            raise InvalidRequest(f"{_WRITE_SERVER}: {error}") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise InvalidRequest(_WRITE_SERVER)
        self.address = address.rstrip("/")
        self._own = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def request(self, call: Call) -> dict[str, Any]:
        """A call as the arguments of httpx. The key goes to the service and to nobody else."""
        is_ours = call.url.startswith("/")
        return {
            "method": call.method,
            "url": self.address + call.url if is_ours else call.url,
            "headers": {**(self._own if is_ours else {}), **call.headers},
            "params": call.params or None,
            "json": call.json,
            "files": call.files,
            "content": call.content,
        }


async def _chunks(stream: Stream) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(stream.read, _CHUNK_BYTES):
        yield chunk


def _answer(response: httpx.Response, content: bytes) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, content=content, headers=headers)


def _no_answer(server: _Server, error: httpx.TransportError) -> Answer:
    return Answer(status=0, content=f"{server.address}: {error or type(error).__name__}".encode())


def _failure(response: httpx.Response, feed: EventFeed) -> OcrFleetError:
    return error_of(_answer(response, response.content), feed.call()) or Unavailable()


def _tries_left(error: httpx.TransportError | OcrFleetError, left: int) -> int:
    """Raises: what cannot be mended by trying again, or was tried often enough."""
    if isinstance(error, OcrFleetError):
        if left <= 1 or not error.retryable:
            raise error
    elif left <= 1:
        raise Unavailable(f"the service cannot be reached: {error}") from error
    return left - 1
