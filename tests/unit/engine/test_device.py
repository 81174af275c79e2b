"""The names of devices."""

from __future__ import annotations

import pytest

from ocr_engine import DeviceUnavailable, InvalidRequest, OCREngine
from ocr_engine.device import KINDS, Device, parse_device


@pytest.mark.parametrize(
    ("name", "kind", "index", "text"),
    [
        (None, "cpu", 0, "cpu"),
        ("cpu", "cpu", 0, "cpu"),
        ("gpu", "gpu", 0, "gpu:0"),
        ("GPU:3", "gpu", 3, "gpu:3"),
        ("npu:12", "npu", 12, "npu:12"),
        ("metax_gpu:1", "metax_gpu", 1, "metax_gpu:1"),
    ],
)
def test_a_device_is_a_kind_and_a_number(name: str | None, kind: str, index: int, text: str) -> None:
    device = parse_device(name)
    assert device == Device(kind=kind, index=index)
    assert str(device) == text
    assert parse_device(text) == device


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_alone_is_its_first_device(kind: str) -> None:
    assert parse_device(kind).index == 0


@pytest.mark.parametrize("name", ["gpu:", "gpu:x", "gpu:-1", "gpu:1:2", "gpu:²", "gpu: 1"])
def test_a_malformed_device_is_an_invalid_request(name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"whole number, as in gpu:0"):
        parse_device(name)


@pytest.mark.parametrize("name", ["gpu:0,1", "npu:0,"])
def test_a_list_of_devices_is_refused_because_one_engine_is_one_device(name: str) -> None:
    with pytest.raises(InvalidRequest, match="one engine is one device"):
        parse_device(name)


def test_a_numbered_cpu_is_an_error() -> None:
    with pytest.raises(DeviceUnavailable, match="the CPU has no number"):
        parse_device("cpu:0")


@pytest.mark.parametrize("name", ["tpu", "cuda:0", ":0", " cpu"])
def test_an_unknown_kind_is_unavailable_and_the_known_are_listed(name: str) -> None:
    with pytest.raises(DeviceUnavailable, match="choose one of cpu, gpu"):
        parse_device(name)


@pytest.mark.parametrize("device", ["gpu:0", "npu:0"])
def test_a_device_that_the_runtime_lacks_says_what_to_install(device: str) -> None:
    with pytest.raises(DeviceUnavailable, match=rf"'{device}' needs .*ExecutionProvider.*; install onnxruntime-"):
        OCREngine(device=device)
