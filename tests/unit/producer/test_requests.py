"""What is said of a request that cannot be accepted: which field, what is wrong, and what would be right."""

from __future__ import annotations

import pytest

from producer.contract.errors import InvalidRequest
from producer.contract.jobs import OcrOptions
from producer.requests import parse_request


def refused(**fields: object) -> str:
    with pytest.raises(InvalidRequest) as error:
        parse_request(fields)
    return error.value.message


def test_a_field_that_there_is_not_is_told_with_those_that_there_are() -> None:
    options = ", ".join(OcrOptions.model_fields)
    assert refused(options={"foo": 1}) == f"options.foo: there is no such field; those that there are: {options}"
    assert "those that there are: url, events" in refused(webhook={"url": "https://example.org", "foo": 1})
    assert refused(foo=1).startswith("foo: there is no such field; those that there are: options, device, ")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"device": "toaster"}, "device: give `auto`, a kind (cpu, gpu, npu, xpu, mlu, dcu) or an exact device"),
        ({"options": {"text_detection_model_name": "a/b"}}, "the name of a model has 1 to 64 letters, digits"),
        ({"pages": "0"}, "pages: cannot read page range '0'; pages count from 1 and ranges go upwards: 1-3,7"),
        ({"pages": "3-1"}, "pages: cannot read page range '3-1'; pages count from 1 and ranges go upwards: 1-3,7"),
        ({"metadata": {"a": "b" * 5000}}, "metadata: 50"),
        ({"options": {"lang": "xx"}}, "options.lang: 'xx' is no language code"),
    ],
)
def test_what_is_wrong_is_said_in_words(fields: dict[str, object], words: str) -> None:
    message = refused(**fields)
    assert words in message
    assert "Value error" not in message
    assert "pattern" not in message
