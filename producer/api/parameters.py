"""Parameters that several routes have, described once."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Path, Query

from producer.contract.keys import Owner
from producer.contract.strict import worded

OF_OWNER = "Of this owner; of another than the key's with the scopes `read` and `admin` only"
JobId = Annotated[str, Path(description="As the submission answered", examples=["019aa3b2c4d57e6f8a9b0c1d2e3f4a5b"])]
BatchId = Annotated[str, Path(description="As the submission answered")]
UploadId = Annotated[str, Path(description="As `POST /v1/uploads` answered")]
EventId = Annotated[str, Path(description="The id of a delivery, `evt_…`")]
KeyId = Annotated[str, Path(description="The id of a key, not the key")]
FileName = Annotated[str, Path(description="The last part of an address in a result", examples=["result.json"])]
Redirect = Annotated[bool, Query(description="Whether the object store may be named instead")]
PageNumber = Annotated[int, Path(ge=1, le=99_999, description="Counted from 1")]
DeviceKind = Annotated[str, Path(description="A kind of device: `gpu`, `npu`, `xpu`, `mlu`, `dcu`, `cpu`")]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most this many")]
OfJob = Annotated[str, Query(description="The deliveries of this job")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[A-Za-z0-9_.:\-]{1,128}$",
        description="The same key and request make the same job; another request with it is 409",
    ),
    worded("an idempotency key has 1 to 128 letters, digits, or . : - _"),
]
OfOwner = Annotated[Owner | None, Query(description=OF_OWNER)]
LastEventId = Annotated[
    str | None,
    Header(pattern=r"^\d{1,16}-\d{1,10}$", description="Go on after this event; browsers send it"),
    worded("write the id of an event, such as 1764349200000-0"),
]
