"""The unit of work: some pages of one document, from a claim to their results and the job's end. No Celery here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import structlog

from ocr_engine import DeviceUnavailable, Document, DocumentLimits, EngineError, open_document
from ocr_engine import InvalidRequest as BadOptions
from producer.contract import names
from producer.contract.errors import InvalidRequest, NotFound, Unavailable
from producer.contract.jobs import JobError
from producer.contract.leases import (
    Claim,
    Lease,
    LeaseAnswer,
    LeaseState,
    Plan,
    Worker,
    pages_of_unit,
)
from producer.contract.pages import PageSelection
from producer.contract.ports import Doorbell, JobStore, ObjectStore
from producer.ringing import ring_or_leave
from producer.tracing import record_step
from workers import translate
from workers.ending import Ending
from workers.engine import Engine
from workers.engines import Engines
from workers.failpoints import reach
from workers.heartbeat import Heartbeat, LeaseTimes, PageBounds
from workers.pages import PageReader
from workers.postponing import FIRST_S, MODELS_S, postpone_s

_STUCK_EXIT_CODE = 70
_log = structlog.get_logger(__name__)


class LeaseLost(Exception):
    """Another worker has the unit, or the caller cancelled the job: stop, and commit nothing more."""

    def __init__(self, state: LeaseState) -> None:
        super().__init__(state)
        self.state = state


class ModelsLacking(Exception):
    """This node cannot load the job's models now; another one may, or this one later."""

    def __init__(self, error: JobError) -> None:
        super().__init__(error.message)
        self.error = error


class JobBroken(Exception):
    """The document as a whole cannot be read; the error is the job's."""

    def __init__(self, error: JobError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessLimits:
    """Bounds on one document and its pages."""

    document: DocumentLimits
    max_attempts: int
    unit_pages: int
    lease: LeaseTimes
    page: PageBounds


@dataclass(kw_only=True, slots=True)
class _Unit:
    """One claimed unit on its way. `bodies`: page JSON that this process has stored."""

    claim: Claim
    heartbeat: Heartbeat
    is_leaving: Callable[[], bool]
    bodies: dict[int, bytes] = field(default_factory=dict)

    @property
    def lease(self) -> Lease:
        return self.claim.lease

    @property
    def job_id(self) -> str:
        return self.claim.lease.job_id


class UnitProcessor:
    """Runs units on the engines of a process. One at a time, in one thread of a worker's child process."""

    def __init__(
        self,
        *,
        engines: Engines,
        store: JobStore,
        objects: ObjectStore,
        doorbell: Doorbell,
        limits: ProcessLimits,
        worker: Worker,
    ) -> None:
        self._leases = store.leases
        self._objects = objects
        self._doorbell = doorbell
        self._limits = limits
        self._worker = worker
        self._engines = engines
        self._reader = PageReader(objects)
        self._ending = Ending(store=store, objects=objects)

    def work(self, *, keep_message: Callable[[], None], is_leaving: Callable[[], bool] = lambda: False) -> bool:
        """Take the unit whose turn it is and do it; False: there was none. Raises: Unavailable: Redis is gone.

        is_leaving: whether this worker is to end; then it gives the unit back after the page that it reads.
        Safe to repeat: objects have fixed keys, pages are counted once, a stale lease changes nothing.
        """
        if is_leaving():
            return False
        claim = self._leases.claim(self._worker, lease_s=self._limits.lease.lease_s)
        if claim is None:
            return False
        reach("after_claim")
        for queue in claim.more:
            ring_or_leave(self._doorbell, queue)
        heartbeat = Heartbeat(
            self._leases,
            claim.lease,
            keep_message=keep_message,
            times=self._limits.lease,
            bounds=self._limits.page,
            on_stuck=lambda page, why: self._abandon(claim.lease, page, why),
        )
        marks = {"job_id": claim.lease.job_id, "attempt": claim.record.job.attempts, "device": self._worker.device}
        began_ns = time.time_ns()
        with heartbeat, structlog.contextvars.bound_contextvars(**marks):
            self._do(_Unit(claim=claim, heartbeat=heartbeat, is_leaving=is_leaving))
        record_step("unit", claim.lease.job_id, began_ns=began_ns, unit=claim.lease.unit, device=self._worker.device)
        return True

    def _do(self, unit: _Unit) -> None:
        """Do the unit, and answer in the record for whatever keeps it from being done."""
        try:
            self._read(unit)
        except LeaseLost as lost:
            self._stop(unit, lost.state)
        except JobBroken as broken:
            self._ending.fail(unit.claim, broken.error)
        except Unavailable as error:
            self._postpone(unit, error)
        except ModelsLacking as lacking:
            self._answered(self._leases.crash(unit.lease, 0, lacking.error, delay_s=MODELS_S))
        except EngineError as error:
            why = translate.job_error(error)
            _log.warning("unit_failed", page=unit.heartbeat.page, code=error.code, reason=error.message)
            self._answered(self._leases.crash(unit.lease, unit.heartbeat.page, why, delay_s=FIRST_S))
        except (Exception, SystemExit) as error:
            # Whatever a page did to this process: counted against it, tried again, and at last given up alone.
            page = unit.heartbeat.page
            _log.exception("unit_crashed", job_id=unit.job_id, page=page)
            delay_s = 0 if page else FIRST_S
            self._answered(self._leases.crash(unit.lease, page, translate.unexpected(error), delay_s=delay_s))

    def _read(self, unit: _Unit) -> None:
        """The story: the unit's pages one by one, and the end of the job if they were the last."""
        if unit.claim.deaths >= self._limits.max_attempts:
            self._give_up_unit(unit)
            return
        try:
            engine = self._engine(unit)
        except JobBroken as broken:
            self._fail_pages(unit, broken.error)
            return
        with _LazyDocument(lambda: self._open(unit)) as document:
            plan = unit.claim.plan or self._plan(unit, document())
            for page in self._uncounted(unit, plan):
                if unit.is_leaving():
                    self._give_back(unit)
                    return
                self._read_page(unit, engine, page, document)
        self._complete(unit, engine)

    def _complete(self, unit: _Unit, engine: Engine) -> None:
        """Every page of the unit is counted. If that was the last unit, finish the job."""
        reach("before_complete")
        if self._held(unit, self._leases.complete(unit.lease, lease_s=self._limits.lease.lease_s)) is LeaseState.LAST:
            reach("after_complete")
            self._ending.finish(unit.claim, engine, known=unit.bodies)

    def _engine(self, unit: _Unit) -> Engine:
        """The engine that the job asks for, loaded before any page's time runs.

        What this node lacks for now another may have: only the last try ends the job. Raises: JobBroken, ModelsLacking.
        """
        unit.heartbeat.begin_loading()
        try:
            return self._engines.of(unit.claim.record.request.options)
        except EngineError as error:
            is_wrong = isinstance(error, BadOptions) and not isinstance(error, DeviceUnavailable)
            broken = JobBroken if is_wrong or self._is_last_try(unit.claim) else ModelsLacking
            if not is_wrong:
                _log.warning("models_lacking", code=error.code, reason=error.message)
            # What a node lacks may come back: then the job is a dead letter, to be retried.
            raise broken(translate.job_error(error).model_copy(update={"retryable": not is_wrong})) from error
        except Exception as error:
            _log.exception("engine_not_loaded", job_id=unit.job_id)
            broken = JobBroken if self._is_last_try(unit.claim) else ModelsLacking
            raise broken(translate.unexpected(error)) from error
        finally:
            unit.heartbeat.end_page()

    def _is_last_try(self, claim: Claim) -> bool:
        return claim.deaths + 1 >= self._limits.max_attempts

    def _read_page(self, unit: _Unit, engine: Engine, page: int, document: Callable[[], Document]) -> None:
        """Read one page, store what came of it, count it; a page that cannot be read fails alone."""
        self._held(unit, self._leases.begin(unit.lease, page))
        unit.heartbeat.begin_page(page)
        began_ns = time.time_ns()
        crash = unit.claim.crashes.get(page)
        if crash and crash.times >= self._limits.max_attempts:
            message = f"given up after {crash.times} tries: {crash.message}"
            result = translate.failed_page(page, JobError(code=crash.code, message=message, retryable=True))
        else:
            result = self._reader.read(engine, unit.claim.record, document(), page)
        reach("before_put")
        unit.bodies[page] = self._reader.store(unit.job_id, result)
        reach("after_put")
        unit.heartbeat.end_page()
        self._held(unit, self._leases.page(unit.lease, page, error=result.error))
        took_ms = round((time.time_ns() - began_ns) / 1_000_000)
        _log.info("page_read", page=page, status=result.status, took_ms=took_ms)
        record_step("page", unit.job_id, began_ns=began_ns, page=page, status=result.status)
        reach("after_commit")

    def _open(self, unit: _Unit) -> Document:
        """The document. Raises: JobBroken, Unavailable."""
        source = unit.claim.record.source
        try:
            data = self._objects.get(names.input_key(unit.job_id, source.filename))
            return open_document(data, limits=self._limits_of(unit.claim))
        except NotFound as error:
            message = "the document is no longer stored; submit it again"
            raise JobBroken(JobError(code="source_unreachable", message=message)) from error
        except EngineError as error:
            raise JobBroken(translate.job_error(error)) from error

    def _limits_of(self, claim: Claim) -> DocumentLimits:
        """A document that was planned stays within the limits, whatever these have become since."""
        limits = self._limits.document
        if claim.plan is None or limits.max_pages is None:
            return limits
        return replace(limits, max_pages=max(limits.max_pages, claim.plan.page_count))

    def _plan(self, unit: _Unit, document: Document) -> Plan:
        """Divide the document into units and tell the others. Raises: JobBroken: none of its pages was asked for."""
        count = document.page_count
        asked = unit.claim.record.request.pages
        selected = PageSelection.parse(asked).of(count)
        if not selected:
            none = InvalidRequest(f"pages={asked} chooses none of the {count} pages of the document; they count from 1")
            raise JobBroken(translate.job_error(none))
        plan = Plan(page_count=count, pages_total=len(selected), unit_pages=self._limits.unit_pages)
        self._held(unit, self._leases.plan(unit.lease, plan))
        reach("after_plan")
        return plan

    def _uncounted(self, unit: _Unit, plan: Plan) -> list[int]:
        """The pages of this unit that nobody has stored yet."""
        selected = PageSelection.parse(unit.claim.record.request.pages).of(plan.page_count)
        counted = self._leases.pages(unit.job_id)
        return [page for page in pages_of_unit(selected, unit.lease.unit, plan) if page not in counted]

    def _give_up_unit(self, unit: _Unit) -> None:
        """The unit ended its process too often outside of any page: its pages fail, or the whole job."""
        times, told = unit.claim.deaths, unit.claim.crashes.get(0)
        if told:
            why = JobError(code=told.code, message=f"given up after {times} tries: {told.message}", retryable=True)
        else:
            message = f"the process died {times} times before or between pages; retry it, or send it page by page"
            why = JobError(code="engine_crashed", message=message, retryable=True)
        self._fail_pages(unit, why)

    def _fail_pages(self, unit: _Unit, error: JobError) -> None:
        """The unit's pages fail, and what others read stays. Raises: JobBroken: it is not known which they are."""
        pages = self._uncounted(unit, unit.claim.plan) if unit.claim.plan else []
        if not pages:  # or finishing the job is what kills
            raise JobBroken(error)
        for page in pages:
            unit.bodies[page] = self._reader.store(unit.job_id, translate.failed_page(page, error))
            self._held(unit, self._leases.page(unit.lease, page, error=error))
        self._complete(unit, self._engines.at_hand(unit.claim.record.request.options))

    def _held(self, unit: _Unit, answer: LeaseAnswer) -> LeaseState:
        """Raises: LeaseLost when the unit is not ours any more, or is to be cancelled."""
        self._answered(answer)
        for state in (answer.state, unit.heartbeat.state):
            if state in (LeaseState.STALE, LeaseState.CANCELLED):
                raise LeaseLost(state)
        return answer.state

    def _answered(self, answer: LeaseAnswer) -> None:
        if answer.ring:
            ring_or_leave(self._doorbell, answer.ring)

    def _stop(self, unit: _Unit, state: LeaseState) -> None:
        if state is LeaseState.CANCELLED:
            self._ending.cancelled(unit.claim)
        else:
            self._ending.clean_up_deleted(unit.job_id)
        _log.info("unit_stopped", job_id=unit.job_id, unit=unit.lease.unit, state=state)

    def _postpone(self, unit: _Unit, error: Unavailable) -> None:
        """The store does not answer: give the unit back for a while; no attempt is counted."""
        delay_s = postpone_s(unit.claim.waits)
        _log.warning("unit_postponed", job_id=unit.job_id, delay_s=round(delay_s, 1), reason=error.message)
        self._answered(self._leases.release(unit.lease, delay_s=delay_s))

    def _give_back(self, unit: _Unit) -> None:
        """This worker ends: another one goes on after the pages that are counted."""
        _log.info("unit_given_back", job_id=unit.job_id, unit=unit.lease.unit)
        self._answered(self._leases.release(unit.lease, delay_s=0))

    def _abandon(self, lease: Lease, page: int, why: JobError) -> None:
        """A runtime's call cannot be interrupted: give the unit back, counted against the page, and end the process.

        Runs in the heartbeat thread.
        """
        _log.error("page_stuck", job_id=lease.job_id, page=page, code=why.code, reason=why.message)
        try:
            self._answered(self._leases.crash(lease, page, why, delay_s=0 if page else MODELS_S))
        finally:
            os._exit(_STUCK_EXIT_CODE)


class _LazyDocument:
    """Opens a document when its first page is needed, once; closes it at the end."""

    def __init__(self, open_it: Callable[[], Document]) -> None:
        self._open = open_it
        self._document: Document | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Callable[[], Document]:
        return self._get

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _get(self) -> Document:
        if self._document is None:
            self._document = self._stack.enter_context(self._open())
        return self._document
