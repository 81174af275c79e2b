"""Downloads from a mirror on this machine: whole, checked, continued, and once."""

from __future__ import annotations

import json
import multiprocessing
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from ocr_engine import InvalidRequest, ModelUnavailable
from ocr_engine.zoo.cache import Cache
from ocr_engine.zoo.download import download, hosts_for
from ocr_engine.zoo.fetch import Limits
from ocr_engine.zoo.registry import Format, Host, KnownFile, by_name
from tests.unit.zoo.mirror import Mirror, plain, serve, special, tar_of

MODEL = by_name("PP-OCRv5_server_det")
REPOSITORY = "PP-OCRv5_server_det_onnx"
WEIGHTS = bytes(range(256)) * 20_000
CONFIG = b"Global: {model_name: PP-OCRv5_server_det}\n"
FILES = {f"/{REPOSITORY}/inference.onnx": WEIGHTS, f"/{REPOSITORY}/inference.yml": CONFIG}
ONNX_PATH = f"/{REPOSITORY}/inference.onnx"
LIMITS = Limits(connect_s=5, read_s=5, total_s=60)
DEAD = Host(name="dead", url="http://127.0.0.1:9/{repository}/{file}", is_archive=False)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serve(FILES) as running:
        yield running


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "models")


def bring(cache: Cache, *hosts: Host, kind: Format = Format.ONNX, limits: Limits = LIMITS, force: bool = False) -> Path:
    return download(MODEL, kind, cache=cache, hosts=hosts, limits=limits, force=force)


def is_clean(cache: Cache) -> bool:
    return not any(path.suffix in (".part", ".tag", ".old") for path in cache.folder.rglob("*"))


def test_a_model_comes_whole_with_a_record_of_its_hashes(mirror: Mirror, cache: Cache) -> None:
    folder = bring(cache, mirror.host())
    assert (folder / "inference.onnx").read_bytes() == WEIGHTS
    record = json.loads((folder / "download.json").read_text())
    assert record["sha256"]["inference.onnx"] == sha256(WEIGHTS).hexdigest()
    assert record["source"].startswith("http://127.0.0.1")
    assert cache.damage(REPOSITORY) is None
    assert is_clean(cache)


def test_what_is_here_is_not_downloaded_again_unless_it_must_be(mirror: Mirror, cache: Cache) -> None:
    for force, expected in ((False, 1), (False, 1), (True, 2)):
        bring(cache, mirror.host(), force=force)
        assert mirror.counts[ONNX_PATH] == expected
    assert is_clean(cache)


def test_a_damaged_model_is_replaced(mirror: Mirror, cache: Cache) -> None:
    folder = bring(cache, mirror.host())
    (folder / "inference.onnx").write_bytes(WEIGHTS[:-1])
    assert "damaged" in (cache.damage(REPOSITORY) or "")
    bring(cache, mirror.host())
    assert cache.damage(REPOSITORY) is None


def test_a_transfer_that_breaks_off_is_continued_where_it_broke(mirror: Mirror, cache: Cache) -> None:
    mirror.cut[ONNX_PATH] = 1_000_000
    folder = bring(cache, mirror.host())
    assert (folder / "inference.onnx").read_bytes() == WEIGHTS
    assert [asked for path, asked in mirror.asked if path == ONNX_PATH] == [None, "bytes=1000000-"]


def test_a_later_process_continues_what_an_earlier_one_left(mirror: Mirror, cache: Cache) -> None:
    part = cache.part(REPOSITORY, "mirror") / "ready"
    part.mkdir(parents=True)
    (part / "inference.onnx.part").write_bytes(WEIGHTS[:777])
    (part / "inference.onnx.part.tag").write_text(f'"{sha256(WEIGHTS).hexdigest()[:16]}"')
    folder = bring(cache, mirror.host())
    assert (folder / "inference.onnx").read_bytes() == WEIGHTS
    assert (ONNX_PATH, "bytes=777-") in mirror.asked


def test_the_rest_of_another_version_is_never_appended(mirror: Mirror, cache: Cache) -> None:
    part = cache.part(REPOSITORY, "mirror") / "ready"
    part.mkdir(parents=True)
    (part / "inference.onnx.part").write_bytes(b"old" * 100)
    (part / "inference.onnx.part.tag").write_text('"another"')
    assert (bring(cache, mirror.host()) / "inference.onnx").read_bytes() == WEIGHTS


def test_a_host_without_tags_is_asked_for_the_whole_again(mirror: Mirror, cache: Cache) -> None:
    mirror.tagged = False
    mirror.cut[ONNX_PATH] = 1000
    assert (bring(cache, mirror.host()) / "inference.onnx").read_bytes() == WEIGHTS
    assert [asked for path, asked in mirror.asked if path == ONNX_PATH] == [None, None]


class Cutting(dict[str, int]):
    """Every answer breaks off."""

    def pop(self, key: str, default: object = None) -> int:
        return 100


def test_a_host_that_never_gives_it_whole_is_given_up(mirror: Mirror, cache: Cache) -> None:
    mirror.cut = Cutting()
    mirror.files = {ONNX_PATH: WEIGHTS, f"/{REPOSITORY}/inference.yml": CONFIG * 100}
    with pytest.raises(ModelUnavailable, match=r"mirror: broke off 4 times: 100 of 4\d+ bytes"):
        bring(cache, mirror.host())
    assert not cache.directory(REPOSITORY).exists()


def test_the_next_host_is_tried_when_one_has_not_got_it_or_is_not_there(mirror: Mirror, cache: Cache) -> None:
    with serve({}) as empty:
        folder = bring(cache, DEAD, empty.host("empty"), mirror.host())
    assert (folder / "inference.onnx").read_bytes() == WEIGHTS


def test_when_no_host_has_it_the_error_says_what_was_tried_and_what_to_do(cache: Cache) -> None:
    with serve({}) as empty, pytest.raises(ModelUnavailable) as raised:
        bring(cache, DEAD, empty.host("empty"))
    message = raised.value.message
    assert "dead: ConnectError" in message
    assert "empty: HTTP 404" in message
    assert f"put inference.onnx and inference.yml (from https://huggingface.co/PaddlePaddle/{REPOSITORY}" in message
    assert str(cache.directory(REPOSITORY)) in message
    assert raised.value.code == "model_unavailable"


def test_what_does_not_hash_to_the_published_value_is_refused_and_the_next_host_asked(
    mirror: Mirror, cache: Cache
) -> None:
    known = KnownFile(path="inference.onnx", size_bytes=len(WEIGHTS), sha256=sha256(WEIGHTS).hexdigest())
    model = replace(MODEL, known=(known,))
    with serve(FILES | {ONNX_PATH: b"wrong"}) as wrong:
        with pytest.raises(ModelUnavailable, match="not the published one"):
            download(model, Format.ONNX, cache=cache, hosts=[wrong.host("wrong")], limits=LIMITS)
        assert not cache.directory(REPOSITORY).exists()
        hosts = [wrong.host("wrong"), mirror.host()]
        folder = download(model, Format.ONNX, cache=cache, hosts=hosts, limits=LIMITS)
    assert (folder / "inference.onnx").read_bytes() == WEIGHTS


def test_the_description_of_another_model_is_refused(mirror: Mirror, cache: Cache) -> None:
    mirror.files[f"/{REPOSITORY}/inference.yml"] = b"Global: {model_name: PP-OCRv5_mobile_det}\n"
    with pytest.raises(ModelUnavailable, match="belongs to PP-OCRv5_mobile_det"):
        bring(cache, mirror.host())


def test_more_bytes_than_the_limit_are_refused(mirror: Mirror, cache: Cache) -> None:
    with pytest.raises(ModelUnavailable, match="more than the limit of 1000"):
        bring(cache, mirror.host(), limits=replace(LIMITS, max_bytes=1000))


def test_more_time_than_the_limit_is_refused(mirror: Mirror, cache: Cache) -> None:
    with cache.locked(REPOSITORY, timeout_s=1), pytest.raises(ModelUnavailable, match="another process"):
        bring(cache, mirror.host(), limits=replace(LIMITS, total_s=0.1))
    with pytest.raises(ModelUnavailable, match="took more than 0 s"):
        bring(cache, mirror.host(), limits=replace(LIMITS, total_s=0))


def test_a_cache_that_cannot_be_written_is_named(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelUnavailable, match="choose another model_cache_dir"):
        bring(Cache(tmp_path / "file"), mirror.host())


def bring_in_process(folder: Path, port: int, start: threading.Event) -> None:
    start.wait(30)
    bring(Cache(folder), Mirror(files={}, port=port).host())


def test_two_processes_at_once_download_once(mirror: Mirror, cache: Cache) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    children = [context.Process(target=bring_in_process, args=(cache.folder, mirror.port, start)) for _ in range(2)]
    for child in children:
        child.start()
    start.set()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0]
    assert mirror.counts[ONNX_PATH] == 1
    assert cache.damage(REPOSITORY) is None


def paddle_archive() -> bytes:
    return tar_of(
        special("folder", tarfile.DIRTYPE),
        plain("folder/inference.json", b"{}"),
        plain("folder/inference.pdiparams", b"weights"),
        plain("folder/inference.yml", CONFIG),
        plain("folder/README.md"),
    )


def test_an_archive_is_unpacked_without_what_is_not_the_model(cache: Cache) -> None:
    with serve({"/PP-OCRv5_server_det.tar": paddle_archive()}) as archives:
        folder = bring(cache, archives.archive_host(), kind=Format.PADDLE_PIR)
    assert sorted(path.name for path in folder.iterdir()) == [
        "download.json", "inference.json", "inference.pdiparams", "inference.yml",
    ]  # fmt: skip


def test_an_archive_that_breaks_off_is_continued(cache: Cache) -> None:
    with serve({"/PP-OCRv5_server_det.tar": paddle_archive()}) as archives:
        archives.cut["/PP-OCRv5_server_det.tar"] = 3000
        bring(cache, archives.archive_host(), kind=Format.PADDLE_PIR)
    assert archives.asked[1][1] == "bytes=3000-"


GOOD = (plain("m/inference.json"), plain("m/inference.pdiparams"))
HOSTILE = [
    ("leaves the folder", tar_of(*GOOD, plain("../inference.yml"))),
    ("leaves the folder", tar_of(*GOOD, plain("/etc/inference.yml"))),
    ("leaves the folder", tar_of(*GOOD, plain("m/../../inference.yml"))),
    ("leaves the folder", tar_of(*GOOD, plain("m\\..\\inference.yml"))),
    ("plain file", tar_of(*GOOD, special("m/inference.yml", tarfile.SYMTYPE, "/etc/passwd"))),
    ("plain file", tar_of(*GOOD, special("m/inference.yml", tarfile.LNKTYPE, "m/inference.json"))),
    ("plain file", tar_of(*GOOD, special("m/inference.yml", tarfile.FIFOTYPE))),
    ("plain file", tar_of(*GOOD, special("m/inference.yml", tarfile.CHRTYPE))),
    ("two files", tar_of(*GOOD, plain("n/inference.json"))),
    ("members", tar_of(*GOOD, *(plain(f"m/{i}") for i in range(100)))),
    ("not a whole tar", tar_of(*GOOD, plain("m/zeros", b"0" * 100_000), mode="w:gz")),
    ("not a whole tar", b"<html>not found</html>" * 100),
    ("not a whole tar", tar_of(*GOOD, plain("m/inference.yml", b"x" * 5000))[:6000]),
    ("no inference.json", tar_of(plain("m/other"))),
]


@pytest.mark.parametrize(("words", "content"), HOSTILE)
def test_a_hostile_archive_is_refused_and_writes_nothing(cache: Cache, words: str, content: bytes) -> None:
    before = sorted(cache.folder.parent.rglob("*"))
    with serve({"/PP-OCRv5_server_det.tar": content}) as archives, pytest.raises(ModelUnavailable, match=words):
        bring(cache, archives.archive_host(), kind=Format.PADDLE_PIR)
    left = [path for path in cache.folder.parent.rglob("*") if path.is_file() and path not in before]
    assert [path.parent.name for path in left] == [".lock"]


def test_an_archive_that_says_it_holds_more_than_the_limit_is_refused_unread(cache: Cache) -> None:
    bomb = tarfile.TarInfo("m/inference.json")
    bomb.size = 1 << 40
    content = {"/PP-OCRv5_server_det.tar": bomb.tobuf() + b"\0" * 2048}
    with serve(content) as archives, pytest.raises(ModelUnavailable, match="more than 1073741824 bytes"):
        bring(cache, archives.archive_host(), kind=Format.PADDLE_PIR)


def test_a_source_that_is_named_is_tried_first() -> None:
    assert [host.name for host in hosts_for("bos")] == ["bos", "huggingface", "aistudio", "modelscope"]
    assert hosts_for("offline") == ()
    mine = hosts_for("https://models.example/{repository}/{file}")
    assert mine[0].address("UVDoc", "inference.yml") == "https://models.example/UVDoc/inference.yml"
    assert hosts_for("https://models.example/{repository}.tar")[0].is_archive
    assert hosts_for(None)[3].address("UVDoc").endswith("/paddle3.0.0/UVDoc_infer.tar")


@pytest.mark.parametrize(
    "source", ["", "github", "ftp://x/{repository}/{file}", "https://x/{repository}", "https://x/"]
)
def test_another_source_is_an_error_that_names_the_hosts(source: str) -> None:
    with pytest.raises(InvalidRequest, match="huggingface, aistudio, modelscope, bos, offline"):
        hosts_for(source)
