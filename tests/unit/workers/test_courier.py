"""Which webhooks are delivered next, and how many at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from producer.backends.memory_store import MemoryJobStore
from producer.contract.errors import Unavailable
from producer.contract.jobs import JobState
from producer.contract.ports import Outbox
from producer.contract.webhooks import DeliveryState, DueDelivery, Outcome
from tests.contract.job_stores import CPU, new_job
from workers.courier import Courier, Hands

LATEST_S = 10.0


class Post:
    """Makes attempts that take a while; receivers on `silent` hosts take until they are let go, and never answer."""

    def __init__(self, outbox: Outbox, *, takes_s: float = 0.0, silent: str = "") -> None:
        self.outbox = outbox
        self.takes_s = takes_s
        self.silent = silent
        self.let_go = threading.Event()
        self.told: list[str] = []
        self.at_once: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self._lock = threading.Lock()

    def deliver(self, event: str) -> bool | None:
        delivery = self.outbox.claim(event, lease_s=60)
        if delivery is None:
            return None
        with self._lock:
            self.at_once.update((delivery.url, ""))
            self.most |= self.at_once
        is_answered = not self.silent or self.silent not in delivery.url
        if is_answered:
            time.sleep(self.takes_s)
        else:
            self.let_go.wait(LATEST_S)
        with self._lock:
            self.at_once.subtract((delivery.url, ""))
            self.told.append(event)
        state, delay_s = (DeliveryState.DELIVERED, 0.0) if is_answered else (DeliveryState.PENDING, 60.0)
        self.outbox.settle(delivery, Outcome(state=state, body="{}", delay_s=delay_s))
        return is_answered


def ended(store: MemoryJobStore, url: str = "https://example.org/hook", *, count: int = 1) -> list[str]:
    events = []
    for _ in range(count):
        job_id = store.jobs.submit(new_job({"webhook": {"url": url}})).job_id
        claim = store.leases.claim(CPU, lease_s=60)
        assert claim
        store.leases.finish(claim.lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
        events.append(f"evt_{job_id}")
    return events


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LATEST_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def courier(outbox: Outbox, deliver: Callable[[str], bool | None], hands: Hands | None = None) -> Courier:
    return Courier(outbox, deliver, is_stopping=lambda: False, hands=hands or Hands())


@pytest.fixture
def store() -> MemoryJobStore:
    return MemoryJobStore()


def test_everything_that_is_due_is_told_once_and_many_at_a_time(store: MemoryJobStore) -> None:
    events = ended(store, "https://a.example/hook", count=60) + ended(store, "https://b.example/hook", count=60)
    post = Post(store.outbox, takes_s=0.01)
    assert courier(store.outbox, post.deliver, Hands(all=20, of_one=8)).step() == 120
    assert sorted(post.told) == sorted(events)
    assert store.outbox.backlog().pending == 0
    assert post.most == {"https://a.example/hook": 8, "https://b.example/hook": 8, "": 16}


def test_a_receiver_that_never_answers_holds_up_nobody_but_itself(store: MemoryJobStore) -> None:
    ended(store, "https://silent.example/hook", count=1500)  # more than one look sees
    events = ended(store, count=50)
    post = Post(store.outbox, silent="silent")
    thread = threading.Thread(target=courier(store.outbox, post.deliver).step, daemon=True)
    thread.start()
    until(lambda: set(events) <= set(post.told))
    assert post.most["https://silent.example/hook"] == Hands().of_one
    post.silent = "nobody.example"
    post.let_go.set()
    thread.join(LATEST_S)
    assert not thread.is_alive()


def test_a_receiver_that_did_not_answer_has_one_attempt_at_a_time_until_it_does(store: MemoryJobStore) -> None:
    ended(store, "https://silent.example/hook", count=20)
    post = Post(store.outbox, silent="silent")
    post.let_go.set()
    first = threading.Event()

    def deliver(event: str) -> bool | None:
        is_answered = post.deliver(event)
        if len(post.told) == Hands().of_one:
            post.most.clear()
            first.set()
        return is_answered

    courier(store.outbox, deliver).step()
    assert first.is_set()
    assert len(post.told) == 20
    assert post.most["https://silent.example/hook"] <= 2  # the last of the first ones may still be ending


def test_two_couriers_tell_each_event_once(store: MemoryJobStore) -> None:
    ended(store, "https://silent.example/hook", count=60)
    ended(store, count=60)
    post = Post(store.outbox, takes_s=0.005, silent="silent")
    post.let_go.set()
    threads = [threading.Thread(target=courier(store.outbox, post.deliver).step) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LATEST_S)
    assert Counter(post.told).most_common(1)[0][1] == 1
    assert len(post.told) == 120


def test_many_receivers_that_do_not_answer_leave_hands_for_those_that_do(store: MemoryJobStore) -> None:
    for number in range(6):
        ended(store, f"https://silent{number}.example/hook", count=30)
    events = set(ended(store, count=20))
    post, told_before = Post(store.outbox, silent="silent"), list[int]()

    def deliver(event: str) -> bool | None:
        if event not in events:
            time.sleep(0.02)
            post.let_go.set()
        is_answered = post.deliver(event)
        if events <= set(post.told) and not told_before:
            told_before.append(len(post.told) - len(events))
        return is_answered

    courier(store.outbox, deliver, Hands(all=4, of_one=1, of_all_silent=2)).step()
    assert len(post.told) == 200
    assert told_before[0] < 40  # in turns with each of them it would be 120


def test_an_attempt_that_another_node_makes_says_nothing_of_its_receiver(store: MemoryJobStore) -> None:
    ended(store, count=12)
    lock, in_work, at_once = threading.Lock(), set[str](), list[int]()

    def deliver(event: str) -> bool | None:
        """Nobody answers the first, which ends first; of the others there are none to make."""
        assert store.outbox.claim(event, lease_s=60)
        with lock:
            in_work.add(event)
            at_once.append(len(in_work))
            is_first = len(at_once) == 1
        time.sleep(0.02 if is_first else 0.1)
        with lock:
            in_work.discard(event)
        return False if is_first else None

    courier(store.outbox, deliver, Hands(all=4, of_one=4)).step()
    assert at_once == [1, 2, 3, 4, *[1] * 8]


def test_what_becomes_due_while_others_are_told_is_told_as_well(store: MemoryJobStore) -> None:
    ended(store)
    post = Post(store.outbox)
    late: list[str] = []

    def deliver(event: str) -> bool | None:
        if not late:
            late.extend(ended(store, "https://late.example/hook"))
            until(lambda: late[0] in post.told)
        return post.deliver(event)

    courier(store.outbox, deliver).step()
    assert post.told[0] == late[0]
    assert store.outbox.backlog().pending == 0


def test_a_delivery_that_breaks_holds_up_no_other(store: MemoryJobStore) -> None:
    broken, away, *events = ended(store, count=6)
    post = Post(store.outbox)

    def deliver(event: str) -> bool | None:
        if event in (broken, away):
            assert store.outbox.claim(event, lease_s=60)
            raise RuntimeError("a fault") if event == broken else Unavailable("Redis is away")
        return post.deliver(event)

    courier(store.outbox, deliver).step()
    assert sorted(post.told) == sorted(events)


def test_a_courier_that_is_to_stop_begins_nothing_and_waits_for_what_it_began(store: MemoryJobStore) -> None:
    ended(store, count=30)
    post, stopping = Post(store.outbox, takes_s=0.2), threading.Event()
    one = Courier(store.outbox, post.deliver, is_stopping=stopping.is_set, hands=Hands(all=4, of_one=4))
    thread = threading.Thread(target=one.step)
    thread.start()
    until(lambda: post.at_once[""] == 4)
    stopping.set()
    one.close()
    thread.join(LATEST_S)
    assert 4 <= len(post.told) <= 8
    assert store.outbox.backlog().pending == 30 - len(post.told)


def test_an_address_that_is_none_holds_up_nobody(store: MemoryJobStore) -> None:
    [event] = ended(store)

    class Odd:
        def due(self, *, limit: int, after: int = 0) -> list[DueDelivery]:
            return [DueDelivery(id=event, url="http://[nothing/")] if store.outbox.due(limit=limit, after=after) else []

    post = Post(store.outbox)
    assert courier(Odd(), post.deliver).step() == 1  # type: ignore[arg-type]  # it only looks
    assert post.told == [event]
