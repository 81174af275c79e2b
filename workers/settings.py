"""Settings of a worker process, read once from the environment (prefix `OCRFLEET_`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import SettingsConfigDict

from producer.settings import CheckedSettings, Settings
from workers.fleet.devices import DEVICE_DIR


class WorkerSettings(CheckedSettings):
    """What `ocrfleet worker` tells its Celery node through the environment."""

    model_config = SettingsConfigDict(env_prefix="OCRFLEET_WORKER_", frozen=True, extra="ignore")

    role: str = Field("device", pattern="^(device|io)$", description="`device` reads pages; `io` delivers and mends")
    device: str = Field("cpu", description="The one device this worker is pinned to")
    processes: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Child processes, each with engines of its own; by default on the CPU one for each core, as memory "
        "allows, elsewhere one. `--processes` wins",
    )
    cores: tuple[int, ...] = Field((), description="JSON list: the cores of this node; default: all that it may use")
    device_dir: Path = Field(DEVICE_DIR, description="Where the files of devices are; `/dev` but in odd containers")
    time_limit_s: int = Field(3_600, ge=60, description="A unit that holds a process longer is stopped")
    max_units_per_child: int = Field(500, ge=1, description="Children are replaced after this many units")
    memory_limit_mib: int = Field(8_192, ge=256, description="A page that makes its process larger is given up")
    heartbeat_s: float = Field(2, gt=0, description="How often a unit's lease is renewed")
    # Four missed heartbeats; with the reconciler's second, work of a dead worker is retried within 10 s.
    lease_s: float = Field(8, gt=0, description="A unit whose worker was silent this long goes to another")
    beat_s: float = Field(2, gt=0, description="How often a worker tells the fleet what it is at")
    stall_s: float = Field(60, gt=0, description="A node that takes no work this long while some waits is replaced")
    start_s: float = Field(
        300, gt=0, description="A node that has no worker ready, or no models for a job, after this long is replaced"
    )
    max_age_s: float | None = Field(None, gt=0, description="A node is replaced after this long, drained first")
    stop_s: float = Field(30, ge=0, description="A worker that is stopped while it reads gives back its unit then")
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="What the engine is built with, as a JSON object of `OCREngine`'s options: `profile`, `lang`, "
        '`ocr_version`, model names, `engine`; {"use_doc_unwarping": true} flattens every page',
    )
    max_engines: int = Field(
        2,
        ge=1,
        le=16,
        description="Engines that a process keeps, 0.3 to 1 GB each: its own, and those of jobs that choose",
    )
    engine: str = Field(
        "ocr_engine:OCREngine", pattern=r"^[\w.]+:\w+$", description="`module:factory`; tests name a stand-in"
    )
    alive_file: Path | None = Field(None, description="Touched while the node works: what a health check looks at")
    supervised: bool = Field(False, description="Started by `ocrfleet up` or `autoscale`, which have warned already")
    failpoint: str = Field("", description="For tests: where this process stops, see workers/failpoints.py")
    failpoint_dir: Path | None = Field(None, description="For tests: where failpoints keep their counts")
    max_memory_per_child_kib: int = Field(6_000_000, ge=100_000, description="Children above this are replaced")

    @field_validator("options")
    @classmethod
    def _options_are_free(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted({"device", "cpu_threads"} & value.keys()):
            raise ValueError(f"{', '.join(taken)}: what a worker is pinned to says it; leave it out")
        return value


class WorkersOfKind(BaseModel):
    """The fewest and the most workers of one kind of device."""

    min: int = Field(0, ge=0)
    max: int = Field(100, ge=0)


class AutoscaleSettings(CheckedSettings):
    """How many workers each kind of device should have; read by the io worker, which decides."""

    model_config = SettingsConfigDict(env_prefix="OCRFLEET_AUTOSCALE_", frozen=True, extra="ignore")

    kinds: dict[str, WorkersOfKind] = Field(
        {}, description='JSON: `{"gpu": {"min": 0, "max": 8}}`; of the others as many as 100'
    )
    target_wait_s: float = Field(30, gt=0, description="How long work may wait")
    cold_start_s: float = Field(30, ge=0, description="From asking for a worker until it reads: node, image, models")
    cool_down_s: float = Field(180, ge=0, description="How long fewer must have been enough before there are fewer")
    page_s: float = Field(1, gt=0, description="Of a page on one worker, until it is measured")


ALL_SETTINGS = (Settings, WorkerSettings, AutoscaleSettings)
