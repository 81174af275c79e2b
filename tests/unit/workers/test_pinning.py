"""Which variables and which cores a pinned process gets."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from workers.fleet.devices import detect, exact
from workers.fleet.pinning import NotVisible, cpu_quota, inside, share_of_cores, visible_devices


@pytest.mark.parametrize(
    ("device", "variable"),
    [
        ("gpu:3", "CUDA_VISIBLE_DEVICES"),
        ("npu:3", "ASCEND_RT_VISIBLE_DEVICES"),
        ("xpu:3", "XPU_VISIBLE_DEVICES"),
        ("mlu:3", "MLU_VISIBLE_DEVICES"),
        ("dcu:3", "HIP_VISIBLE_DEVICES"),
    ],
)
def test_every_kind_has_a_variable_that_leaves_one_device(device: str, variable: str) -> None:
    assert visible_devices(device, {}) == {variable: "3"}
    assert inside(device) == f"{device[:3]}:0"


def test_a_device_counts_among_those_that_are_visible_already() -> None:
    assert visible_devices("gpu:1", {"CUDA_VISIBLE_DEVICES": "2, GPU-7f"}) == {"CUDA_VISIBLE_DEVICES": "GPU-7f"}
    with pytest.raises(NotVisible, match="gpu:2"):
        visible_devices("gpu:2", {"CUDA_VISIBLE_DEVICES": "2,3"})
    with pytest.raises(NotVisible):
        visible_devices("gpu:0", {"CUDA_VISIBLE_DEVICES": ""})


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        (1, [(0, 1, 2, 3, 4)]),
        (2, [(0, 1), (2, 3, 4)]),
        (5, [(0,), (1,), (2,), (3,), (4,)]),
        (7, [(0,), (1,), (2,), (3,), (4,), (0,), (1,)]),
    ],
)
def test_cores_are_shared_out_whole_and_used_up(processes: int, expected: list[tuple[int, ...]]) -> None:
    shares = [share_of_cores(slot, processes, allowed=range(5), quota=None) for slot in range(processes)]
    assert [share.numbers for share in shares] == expected
    assert [share.threads for share in shares] == [len(numbers) for numbers in expected]
    assert set(chain.from_iterable(expected)) == set(range(5))


def test_a_container_with_less_time_than_cores_gets_threads_and_no_cores_of_its_own() -> None:
    share = share_of_cores(0, 2, allowed=range(64), quota=4.5)
    assert (share.numbers, share.threads) == ((), 2)
    assert share_of_cores(0, 8, allowed=range(64), quota=4.0).threads == 1
    assert share_of_cores(0, 2, allowed=range(4), quota=4.0).numbers == (0, 1)


@pytest.mark.parametrize(("text", "quota"), [("max 100000\n", None), ("150000 100000\n", 1.5)])
def test_the_quota_of_a_container_is_read_in_cores(tmp_path: Path, text: str, quota: float | None) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cpu_quota(tmp_path / "cpu.max") == quota
    assert cpu_quota(tmp_path / "absent") is None


def test_devices_are_found_by_their_files(tmp_path: Path) -> None:
    assert detect(tmp_path) == ["cpu"]
    (tmp_path / "dri").mkdir()
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "davinci0", "davinci_manager", "dri/renderD128"):
        (tmp_path / name).touch()
    assert detect(tmp_path) == ["gpu:0", "gpu:1", "npu:0"]
    (tmp_path / "kfd").touch()
    assert detect(tmp_path)[-1] == "dcu:0"


def test_a_kind_alone_is_its_first_device() -> None:
    assert [exact(device) for device in ("cpu", "gpu", "gpu:2")] == ["cpu", "gpu:0", "gpu:2"]
