"""OpenStack Swift with its S3 interface: a production object store, strict about signatures and expiry."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tests.servers.process import ServerProcess, accepts, free_ports, scratch_folder
from tests.servers.s3 import S3Address

ACCESS_KEY = "test:tester"
SECRET_KEY = "testing"
REGION = "us-east-1"
RINGS = """
import sys
from swift.common.ring import RingBuilder

for path, port in zip(sys.argv[1::2], sys.argv[2::2]):
    builder = RingBuilder(4, 1, 1)  # 16 partitions: there is one disk
    builder.add_dev(dict(id=0, region=1, zone=1, ip="127.0.0.1", port=int(port), device="disk", weight=1.0))
    builder.rebalance(seed="0")
    builder.get_ring().save(path)
"""
BACKENDS = {"account": "account", "container": "container", "object": "obj"}  # server -> its Python package

PIPELINE = (
    "catch_errors proxy-logging cache bulk tempurl s3api tempauth slo dlo versioned_writes symlink "
    "proxy-logging proxy-server"
)
PROXY = f"""
[pipeline:main]
pipeline = {PIPELINE}

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true

[filter:s3api]
use = egg:swift#s3api
location = {REGION}

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {SECRET_KEY} .admin

[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true

[filter:cache]
use = egg:swift#memcache

[filter:proxy-logging]
use = egg:swift#proxy_logging

"""
PLAIN_FILTERS = ("catch_errors", "bulk", "tempurl", "slo", "dlo", "symlink")


class SwiftServer:
    """Four processes, one disk, one replica, without root and without memcached."""

    def __init__(self, folder: Path) -> None:
        self._processes: list[ServerProcess] = []
        ports = dict(zip(("proxy", *BACKENDS), free_ports(1 + len(BACKENDS)), strict=True))
        self.address = S3Address(
            endpoint_url=f"http://127.0.0.1:{ports['proxy']}",
            region=REGION,
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
        )
        _configure(folder, ports)
        try:
            self._start(folder, ports)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        for process in self._processes:
            process.kill()

    def pause(self) -> None:
        for process in self._processes:
            process.pause()

    def resume(self) -> None:
        for process in self._processes:
            process.resume()

    def _start(self, folder: Path, ports: dict[str, int]) -> None:
        for name, package in {**BACKENDS, "proxy": "proxy"}.items():
            main = f"from swift.{package}.server import main; main()"
            command = [sys.executable, "-W", "ignore", "-c", main, str(folder / f"{name}.conf")]
            self._processes.append(ServerProcess(command, folder / f"{name}.log"))
        for process, name in zip(self._processes, BACKENDS, strict=False):
            process.wait_until(partial(accepts, ports[name]))
        self._processes[-1].wait_until(self.address.is_ready())


@contextmanager
def swift_server() -> Iterator[SwiftServer]:
    with scratch_folder("swift", parent=_folder_with_attributes()) as folder:
        server = SwiftServer(folder)
        try:
            yield server
        finally:
            server.kill()


def _folder_with_attributes() -> Path:
    """A folder whose filesystem keeps extended attributes: Swift's metadata lives there."""
    candidates = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/dev/shm"), Path.cwd()]  # noqa: S108
    for candidate in candidates:
        if candidate.is_dir() and _keeps_attributes(candidate):
            return candidate
    raise RuntimeError(
        f"Swift needs a filesystem with user attributes; none of {', '.join(map(str, candidates))} "
        "has them. Set TMPDIR to a folder that does."
    )


def _keeps_attributes(folder: Path) -> bool:
    # Swift writes more than 255 bytes a name: some filesystems have attributes, but only tiny ones.
    with suppress(OSError), tempfile.NamedTemporaryFile(dir=folder) as probe:
        os.setxattr(probe.fileno(), "user.swift.metadata", b"x" * 1024)
        return True
    return False


def _configure(folder: Path, ports: dict[str, int]) -> None:
    devices = folder / "devices"
    (devices / "disk").mkdir(parents=True)
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = test\n\n[storage-policy:0]\nname = one\ndefault = yes\n"
    )
    _build_rings({folder / f"{name}.ring.gz": ports[name] for name in BACKENDS})
    for name in BACKENDS:
        (folder / f"{name}.conf").write_text(
            _default_section(folder, ports[name])
            + f"[pipeline:main]\npipeline = {name}-server\n\n[app:{name}-server]\nuse = egg:swift#{name}\n"
        )
    filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n\n" for name in PLAIN_FILTERS)
    (folder / "proxy.conf").write_text(_default_section(folder, ports["proxy"]) + PROXY + filters)


def _default_section(folder: Path, port: int) -> str:
    settings = {
        "bind_ip": "127.0.0.1",
        "bind_port": port,
        "workers": 0,  # serve in this process: nothing to leave behind
        "swift_dir": folder,
        "devices": folder / "devices",
        "mount_check": "false",
        "fallocate_reserve": "0",
        "user": "",
        "log_address": "/dev/null",
    }
    return "[DEFAULT]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items() if value != "") + "\n"


def _build_rings(paths: dict[Path, int]) -> None:
    """One ring a server, with one disk. In a process of its own: importing swift changes how this one forks."""
    arguments = [str(part) for path, port in paths.items() for part in (path, port)]
    subprocess.run([sys.executable, "-W", "ignore", "-c", RINGS, *arguments], check=True, timeout=60)
