"""What tests need to know of any server that speaks the protocol of S3."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_STARTED_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class S3Address:
    """Where a server is and who may use it. Stores read the two keys from the environment, as boto3 does."""

    endpoint_url: str
    region: str
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @cache  # noqa: B019  an address lives as long as its server; a client takes a tenth of a second to make
    def client(self) -> Any:  # Any: boto3 makes its clients' classes when it runs
        """A client of our own, to see the server without the store under test."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                connect_timeout=2,
                read_timeout=10,
                retries={"total_max_attempts": 1},
            ),
        )

    def new_bucket(self, name: str | None = None) -> str:
        """A new empty bucket; its name. A server on a busy machine may list its buckets before it makes some."""
        bucket = name or f"bucket-{uuid.uuid4().hex[:12]}"
        deadline = time.monotonic() + _STARTED_S
        while True:
            try:
                self.client().create_bucket(Bucket=bucket)
                return bucket
            except ClientError as error:
                if error.response["Error"]["Code"] != "ServiceUnavailable" or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def is_ready(self) -> Callable[[], bool]:
        """A question to ask again and again: does the server list its buckets?"""
        client = self.client()

        def lists_buckets() -> bool:
            with suppress(BotoCoreError, ClientError):
                client.list_buckets()
                return True
            return False

        return lists_buckets
