"""Settings of a worker process, read once from the environment (prefix `OCRFLEET_`)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class WorkerSettings(BaseSettings):
    """What `ocrfleet worker` tells its Celery node through the environment."""

    model_config = SettingsConfigDict(env_prefix="OCRFLEET_WORKER_", frozen=True, extra="ignore")

    role: str = Field("device", pattern="^(device|io)$", description="`device` reads pages; `io` delivers and mends")
    device: str = Field("cpu", description="The one device this worker is pinned to")
    processes: int = Field(1, ge=1, le=64, description="Child processes, each with its own engine")
    cpu_threads: int | None = Field(None, ge=1, description="Threads of one engine; default: its share of the cores")
    time_limit_s: int = Field(3_600, ge=60, description="A unit that holds a process longer is stopped")
    max_units_per_child: int = Field(500, ge=1, description="Children are replaced after this many units")
    memory_limit_mib: int = Field(8_192, ge=256, description="A page that makes its process larger is given up")
    heartbeat_s: float = Field(2, gt=0, description="How often a unit's lease is renewed")
    # Four missed heartbeats; with the reconciler's second, work of a dead worker is retried within 10 s.
    lease_s: float = Field(8, gt=0, description="A unit whose worker was silent this long goes to another")
    beat_s: float = Field(2, gt=0, description="How often a worker tells the fleet what it is at")
    stop_s: float = Field(30, ge=0, description="A worker that is stopped while it reads gives back its unit then")
    engine: str = Field(
        "ocr_engine:OCREngine", pattern=r"^[\w.]+:\w+$", description="`module:factory`; tests name a stand-in"
    )
    failpoint: str = Field("", description="For tests: where this process stops, see workers/failpoints.py")
    failpoint_dir: Path | None = Field(None, description="For tests: where failpoints keep their counts")
    max_memory_per_child_kib: int = Field(6_000_000, ge=100_000, description="Children above this are replaced")
