"""The Celery application: every setting with its reason."""

from __future__ import annotations

import warnings

from celery import Celery
from celery.platforms import SecurityWarning
from kombu.entity import Exchange, Queue

from producer.backends.celery_queue import transport_options
from producer.backends.redis_address import broker_of
from producer.connect import broker_address
from producer.contract import names
from producer.settings import load_settings
from workers.alive import AliveFile
from workers.broker import repair_transport
from workers.settings import WorkerSettings

repair_transport()
# Celery warns of root because of pickle, with which a message could run code as root. None is accepted below; were it,
# Celery would refuse to start. Its advice, `--uid`, is no option of `ocrfleet worker`: the images and the systemd unit
# have a user of their own.
warnings.filterwarnings("ignore", message="You're running the worker with superuser", category=SecurityWarning)
settings, worker_settings = load_settings(), WorkerSettings()


def _queues(settings: WorkerSettings) -> list[Queue]:
    served = names.QUEUES_OF_IO if settings.role == "io" else names.queues_served_by(settings.device)
    # An exchange each, as publishers declare it: queues that share one would each get a copy of every message.
    return [Queue(name, Exchange(name), routing_key=name) for name in served]


broker = broker_of(broker_address(settings))
app = Celery("ocrfleet", broker=broker.url, include=["workers.tasks"])
app.conf.update(
    # --- messages: a ring, in JSON; never pickle, never bytes
    task_serializer="json",
    accept_content=["json"],
    # The job record holds the outcome: a result backend would be a second truth, and leaks subscriptions.
    task_ignore_result=True,
    result_backend=None,
    # --- delivery: the message lives until the work is done
    task_acks_late=True,
    # A child that dies puts its ring back; what it worked on is counted in the record, so this cannot loop.
    task_reject_on_worker_lost=True,
    # A task that raised or ran out of time is answered in the record; its message would only loop.
    task_acks_on_failure=True,
    task_acks_on_timeout=True,
    # Backstop for one unit; single pages are bounded by the heartbeat thread.
    task_soft_time_limit=worker_settings.time_limit_s - 30,
    task_time_limit=worker_settings.time_limit_s,
    # --- queues: only those that names.py knows
    task_queues=_queues(worker_settings),
    task_create_missing_queues=False,
    task_default_queue=_queues(worker_settings)[0].name,
    # --- pool: the parent never imports a runtime and stays responsive; children are spawned, because
    # CUDA does not survive a fork, and each loads its own engine, because predictors are not thread-safe.
    worker_pool="prefork",
    worker_pool_start_method="spawn",
    worker_concurrency=worker_settings.processes or 1,
    # A spawned child imports and loads models before it is up; the default is 4 s.
    worker_proc_alive_timeout=180,
    # --- fairness between workers: take one message at a time, and none ahead
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    # --- leaks: runtimes grow with new shapes; replace children before they hurt (KiB of the child)
    worker_max_tasks_per_child=worker_settings.max_units_per_child,
    worker_max_memory_per_child=worker_settings.max_memory_per_child_kib,
    # --- stopping: drain.py waits for running work; what Celery is told to stop after that, it puts back at once
    worker_soft_shutdown_timeout=0,
    # A connection blip must not kill the running page: leases fence duplicates.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    # --- traffic: control, events and gossip go over pub/sub to everybody; the record answers instead
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_detect_quorum_queues=False,  # RabbitMQ only
    worker_hijack_root_logger=False,  # lifecycle.py configures logging, to standard error
    worker_redirect_stdouts=False,
    # --- Redis: start before it does, and never give up on it
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # A Redis that is full or read-only answers with an error on the channel: wait for it, as for one that is down.
    broker_channel_error_retry=True,
    broker_pool_limit=10,
    broker_transport_options={**transport_options(settings.visibility_timeout_s), **broker.options},
    broker_use_ssl=broker.tls,
)
app.steps["consumer"].add(AliveFile)
