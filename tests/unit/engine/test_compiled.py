"""Networks compiled once: kept whole, found by what they depend on, and never in the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from ocr_engine.errors import ModelUnavailable
from ocr_engine.options import EngineOptions
from ocr_engine.runtimes.compiled import Compiled, CompiledCache
from ocr_engine.runtimes.plan import RuntimePlan, plan_runtime
from ocr_engine.runtimes.select import open_onnx
from ocr_engine.zoo.registry import Module, find
from ocr_engine.zoo.resolve import Zoo

NETWORK = Compiled(networks=(b"\n\x00network", b"", b"another"), metadata={"character": "a\nb\n"})


@dataclass(frozen=True)
class Unreadable:
    """Weights of which only the hash is known."""

    sha256: str

    def read(self) -> bytes:
        raise ModelUnavailable("they are read")


def plan_in(folder: Path, *, exact: bool = True) -> RuntimePlan:
    plan = plan_runtime(EngineOptions(engine="openvino"), threads=1, exact=exact)
    return replace(plan, compiled_dir=folder)


def test_what_is_put_is_found_again_under_its_key_only(tmp_path: Path) -> None:
    cache = CompiledCache(tmp_path / "new")
    assert cache.get("a") is None
    cache.put("a", NETWORK)
    assert cache.get("a") == NETWORK
    assert cache.get("b") is None


def test_a_damaged_file_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    cache = CompiledCache(tmp_path)
    cache.put("a", NETWORK)
    (file,) = tmp_path.glob("*.openvino")
    whole = file.read_bytes()
    for damaged in (whole[:-1], b"", b"{}\n", whole[:-1] + b"x"):
        file.write_bytes(damaged)
        assert cache.get("a") is None


def test_a_folder_that_cannot_be_written_keeps_nothing_and_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = CompiledCache(tmp_path / "file" / "folder")
    cache.put("a", NETWORK)
    assert cache.get("a") is None


def test_the_folder_is_bounded_and_the_latest_stay(tmp_path: Path) -> None:
    cache = CompiledCache(tmp_path)
    for at in range(30):
        cache.put(str(at), NETWORK)
    assert len(list(tmp_path.iterdir())) <= 24
    assert cache.get("29") == NETWORK


def test_what_is_used_is_not_dropped_for_what_is_newer(tmp_path: Path) -> None:
    cache = CompiledCache(tmp_path)
    cache.put("used", NETWORK)
    for at in range(30):
        cache.put(str(at), NETWORK)
        assert cache.get("used") == NETWORK


def test_processes_that_fill_it_at_once_leave_whole_files_only(tmp_path: Path) -> None:
    cache = CompiledCache(tmp_path)
    networks = [replace(NETWORK, networks=(bytes([at]) * 100_000,)) for at in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda network: cache.put("same", network), networks))
    assert cache.get("same") in networks
    assert len(list(tmp_path.iterdir())) == 1


def test_a_network_from_the_cache_gives_the_same_and_knows_its_dictionary(tmp_path: Path) -> None:
    weights = Zoo.at(None, "offline").resolve(find(Module.TEXT_RECOGNITION, None))
    batch = np.random.default_rng(3).uniform(-1, 1, size=(1, 3, 48, 96)).astype(np.float32)
    fresh, kept = (open_onnx(plan_in(tmp_path), weights) for _ in range(2))
    assert np.array_equal(fresh.run(batch), kept.run(batch))
    assert kept.metadata == fresh.metadata
    assert "character" in kept.metadata
    assert len(list(tmp_path.iterdir())) == 1


def test_weights_whose_network_is_kept_are_not_read(tmp_path: Path) -> None:
    files = Zoo.at(None, "offline").resolve(find(Module.DOC_ORIENTATION, None))
    open_onnx(plan_in(tmp_path), files)
    kept = open_onnx(plan_in(tmp_path), Unreadable(files.sha256))
    assert kept.run(np.zeros((1, 3, 224, 224), dtype=np.float32)).shape == (1, 4)


def test_weights_of_another_hash_are_not_given_the_network_that_is_kept(tmp_path: Path) -> None:
    files = Zoo.at(None, "offline").resolve(find(Module.DOC_ORIENTATION, None))
    open_onnx(plan_in(tmp_path), files)
    with pytest.raises(ModelUnavailable, match="are read"):
        open_onnx(plan_in(tmp_path), Unreadable("0" * 64))


def test_another_precision_or_another_network_is_another_file(tmp_path: Path) -> None:
    files = [Zoo.at(None, "offline").resolve(find(module, None)) for module in (Module.DOC_ORIENTATION,) * 2]
    open_onnx(plan_in(tmp_path), files[0])
    open_onnx(plan_in(tmp_path, exact=False), files[1])
    assert len(list(tmp_path.iterdir())) == 2
