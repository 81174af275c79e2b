"""Settings of the producer's side, read once from the environment (prefix `OCRFLEET_`)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal, get_origin

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from producer.contract.errors import InvalidRequest
from producer.contract.jobs import DAY_S
from producer.contract.keys import plain_key
from producer.contract.models import ProfileName
from producer.webhook_secret import signers_of

MIB = 1024 * 1024
RUNTIME_FILE = "runtime.json"


def default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "ocrfleet"


class CheckedSettings(BaseSettings):
    """Settings that say which of them is wrong, without its value, which may be a secret.

    An empty variable is none: what composes a container often cannot leave one out.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True)

    # Any: whatever is given in place of the environment.
    def __init__(self, **given: Any) -> None:
        """Raises: InvalidRequest."""
        prefix = self.model_config.get("env_prefix", "")
        try:
            super().__init__(**given)
        except ValidationError as error:
            told = ((one["loc"], one["msg"].removeprefix("Value error, ")) for one in error.errors())
            wrong = (f"{prefix}{'.'.join(map(str, loc)).upper()}: {message}" for loc, message in told)
            raise InvalidRequest(f"settings: {'; '.join(wrong)}") from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in place of the environment, then the environment."""
        return init_settings, _Environment(settings_cls)


class _Environment(EnvSettingsSource):
    """The environment, that says which of its lists and tables is no JSON."""

    # Any: what pydantic takes from a variable.
    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Raises: InvalidRequest."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            kind = "object" if get_origin(field.annotation) is dict else "list"
            raise InvalidRequest(
                f"settings: {self.env_prefix}{field_name.upper()}: it must be a JSON {kind}; mind the shell's quotes"
            ) from None


class Settings(CheckedSettings):
    """What the producer, the API and the workers share. Times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="OCRFLEET_", frozen=True, extra="ignore")

    settings_file: Path | None = Field(
        None,
        description="Lines of NAME=value that `ocrfleet up` reads, and again on SIGHUP; the environment goes above",
    )
    data_dir: Path = Field(default_factory=default_data_dir, description="Where an embedded system keeps its data")
    redis_url: str | None = Field(None, description="Redis for jobs and queue; default: the running embedded one")
    broker_url: str | None = Field(None, description="Redis for messages alone; default: that of REDIS_URL")
    store_url: str | None = Field(None, description="`file:///path` or `s3://bucket/prefix`")
    s3_endpoint_url: str | None = Field(None, description="For S3 servers other than Amazon's")
    s3_region: str | None = Field(None, description="Region of the bucket")
    server: str | None = Field(None, description="Address of the HTTP API; commands use it instead of Redis")
    api_key: SecretStr | None = Field(None, description="Key that the API asks for and commands send")
    api_keys_required: bool = Field(False, description="The API asks for a key even on loopback; see `ocrfleet keys`")
    requests_per_minute: int | None = Field(
        None, ge=1, description="Requests of one API key; more wait. Empty: no bound"
    )
    pages_in_flight: int | None = Field(None, ge=1, description="Pages of an owner's unfinished jobs. Empty: no bound")
    drain_s: float | None = Field(
        None, ge=0, description="An API that is stopped is not ready this long first; empty: 2, on loopback 0"
    )
    max_file_bytes: int = Field(200 * MIB, ge=1, description="Largest document accepted")
    max_json_bytes: int = Field(32 * MIB, ge=1024, description="Largest JSON body, with documents in Base64 in it")
    max_pages: int = Field(2_000, ge=1, description="Longest document read")
    max_open_jobs: int = Field(1_000_000, ge=1, description="Jobs that may wait or run; more are refused for a while")
    unserved: Literal["park", "refuse"] = Field(
        "park", description="A job for a device that no worker serves: `park` lets it wait, `refuse` answers not_served"
    )
    unit_pages: int = Field(4, ge=1, le=1_000, description="Pages that one worker reads before others get a turn")
    max_page_pixels: int = Field(178_956_970, ge=1, description="Largest page read")
    job_ttl_s: int = Field(7 * DAY_S, ge=1, description="A job that no worker took in this time expires")
    result_ttl_s: int = Field(7 * DAY_S, ge=60, description="Records and results are kept this long after the end")
    webhook_secret: SecretStr | None = Field(None, description="Signs webhooks: `whsec_...`, or several with spaces")
    allow_private_urls: bool = Field(
        False, description="Allow webhooks to, and documents from, loopback and private addresses and any port"
    )
    s3_source_buckets: str = Field("", description="Buckets that documents may be taken from, with commas between")
    fetch_timeout_s: float = Field(60, gt=0, description="A document that takes longer to fetch is given up")
    upload_ttl_s: int = Field(3600, ge=60, le=DAY_S, description="How long the address of an upload can be used")
    max_attempts: int = Field(3, ge=1, description="A page that ends its process, or takes too long, this often fails")
    visibility_timeout_s: float = Field(120, gt=1, description="A message that no worker keeps this long comes again")
    page_timeout_s: float = Field(120, gt=0, description="A page that takes longer is tried again, and then fails")
    profile: ProfileName | None = Field(None, description="Whose models and defaults the workers' engines have")
    runtime: Literal["onnxruntime", "openvino", "paddle", "paddle_static", "paddlex"] | None = Field(
        None, description="What runs the workers' networks; default: by profile and device"
    )
    model_dir: Path | None = Field(None, description="Folder of downloaded models; default: ~/.cache/ocrfleet/models")
    model_source: str | None = Field(
        None, description="Host of models that is tried first, a mirror's address, or `offline`: none is downloaded"
    )
    otlp_endpoint: str | None = Field(None, description="Traces of jobs go to this collector, OTLP over HTTP")
    log_format: str = Field("console", pattern="^(console|json)$", description="`console` or `json`")

    @field_validator("api_key")
    @classmethod
    def _api_key_can_be_sent(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else SecretStr(plain_key(value.get_secret_value()))

    @field_validator("webhook_secret")
    @classmethod
    def _webhook_secret_signs(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            signers_of(value.get_secret_value())
        return value


def load_settings() -> Settings:
    """The environment, and what it leaves open from the embedded system that runs in `data_dir`, if one does.

    Raises: InvalidRequest.
    """
    settings = Settings()
    if settings.redis_url or settings.server:
        return settings
    runtime = read_runtime(settings.data_dir) or {}
    return settings.model_copy(update={name: at for name, at in runtime.items() if getattr(settings, name) is None})


def read_runtime(data_dir: Path) -> dict[str, object] | None:
    """The addresses that a running `ocrfleet up` of this user wrote."""
    try:
        runtime = json.loads((data_dir / RUNTIME_FILE).read_text())
        os.kill(runtime["pid"], 0)
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # the last: the process is another user's by now
        return None
    return {
        "redis_url": runtime["redis_url"],
        "store_url": runtime["store_url"],
        "webhook_secret": SecretStr(runtime["webhook_secret"]),
    }
