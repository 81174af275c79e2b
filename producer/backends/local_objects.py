"""Objects as files below one folder of this machine."""

from __future__ import annotations

import errno
import os
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from producer.backends.objects import UNFINISHED, check_key, check_prefix
from producer.contract.errors import InvalidRequest, NotFound, Unavailable
from producer.contract.ports import ObjectInfo

CHUNK_BYTES = 1 << 20  # one copy step of a stream: large enough that the calls cost nothing
# A folder may be deleted between making it and writing into it. Each round means another deletion won.
FOLDER_ROUNDS = 100
# No write takes a day: a file that is still unfinished by then was left by a process that died.
ABANDONED_AFTER_S = 24 * 3600


class LocalObjectStore:
    """An `ObjectStore` in a folder that this user alone can read.

    A key cannot be both an object and the beginning of another one (`a` and `a/b`), as files are not folders.
    The media type is not kept: nobody serves these files but us.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def put(self, key: str, body: bytes | BinaryIO, *, media_type: str) -> None:
        """Write beside the target, make it durable, then rename: a crash leaves the old object or the new."""
        path = self._path(key)
        with _io_errors(key):
            _make_folders(self._root)
        with _io_errors(key), _folder_conflicts(key):
            descriptor, unfinished = self._create_beside(path)
        try:
            try:
                for chunk in _chunks(body):  # what the caller's stream raises is the caller's
                    with _io_errors(key):
                        _write_all(descriptor, chunk)
                with _io_errors(key):
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            with _io_errors(key), _folder_conflicts(key):
                unfinished.replace(path)
                with suppress(FileNotFoundError):  # written, and already deleted with its folder
                    _sync_folder(path.parent)
        finally:
            with suppress(OSError):  # after the rename there is nothing left to remove
                unfinished.unlink(missing_ok=True)

    def get(self, key: str) -> bytes:
        with self.open(key) as file, _io_errors(key):
            return file.read()

    def open(self, key: str) -> BinaryIO:
        path = self._path(key)
        with _io_errors(key):
            try:
                return path.open("rb")
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                raise NotFound(f"There is no object {key!r}.") from error

    def head(self, key: str) -> ObjectInfo:
        with self.open(key) as file, _io_errors(key):
            return ObjectInfo(key=key, size_bytes=os.fstat(file.fileno()).st_size)

    def keys(self, prefix: str) -> Iterator[str]:
        folder, _, _ = check_prefix(prefix).rpartition("/")
        if folder:
            self._path(folder)
        return self._walk(folder, prefix)

    def delete(self, prefix: str) -> int:
        """Also removes what dead writers left below the prefix, and the folders that become empty."""
        if not check_prefix(prefix):
            raise InvalidRequest("Deleting every object of a store is refused; name a prefix.")
        count = 0
        folders: set[Path] = set()
        for key in self.keys(prefix):
            path = self._path(key)
            folders.add(path.parent)
            with _io_errors(key), suppress(FileNotFoundError):
                path.unlink()
                count += 1
        if prefix.endswith("/"):
            folders |= _without_abandoned(self._root / prefix)
        self._remove_empty(folders)
        return count

    def presign_put(self, key: str, *, expires_s: int) -> str | None:
        check_key(key)
        return None

    def presign(self, key: str, *, expires_s: int) -> str | None:
        check_key(key)
        return None

    def ping(self) -> None:
        with _io_errors("the store"):
            _make_folders(self._root)
        if not os.access(self._root, os.R_OK | os.W_OK | os.X_OK):
            raise Unavailable(f"The store {self._root} cannot be written; check its owner or OCRFLEET_STORE_URL.")

    def _path(self, key: str) -> Path:
        """Where `key` lives, links followed: a link below the root must not lead out of it."""
        path = self._root / check_key(key)
        with _io_errors(key):
            inside = path.resolve().is_relative_to(self._root)
        if not inside:
            raise InvalidRequest(f"Object key {key!r} is refused: a link leads out of the store.")
        return path

    def _create_beside(self, path: Path) -> tuple[int, Path]:
        """A new unfinished file in the folder of `path`, made if it is missing, and its descriptor."""
        unfinished = path.with_name(UNFINISHED + uuid.uuid4().hex)
        for _ in range(FOLDER_ROUNDS):
            with suppress(FileNotFoundError):
                _make_folders(path.parent)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                return os.open(unfinished, flags, 0o600), unfinished
        raise Unavailable(f"The folder of {path.name!r} is deleted again and again while it is written; try again.")

    def _walk(self, folder: str, prefix: str) -> Iterator[str]:
        """Keys below `folder` in the order of their text; one folder at a time is held in memory."""
        for name in self._names(folder):
            key = f"{folder}/{name}" if folder else name
            if key.endswith("/"):
                if key.startswith(prefix) or prefix.startswith(key):
                    yield from self._walk(key[:-1], prefix)
            elif key.startswith(prefix):
                yield key

    def _names(self, folder: str) -> list[str]:
        """Names in `folder`; those of folders end in '/', which also sorts `a-b` before `a/b` as S3 does."""
        with _io_errors(folder or "the store"):
            try:
                with os.scandir(self._root / folder) as entries:
                    return sorted(name for entry in entries if (name := _listed_name(entry)))
            except (FileNotFoundError, NotADirectoryError):
                return []

    def _remove_empty(self, folders: set[Path]) -> None:
        """Remove the folders, and those above them, that are empty. Never fails: next time will do."""
        above = {parent for folder in folders for parent in (folder, *folder.parents)}
        for folder in sorted(above, reverse=True):  # children before their parents
            if folder != self._root and folder.is_relative_to(self._root):
                with suppress(OSError):
                    folder.rmdir()


@contextmanager
def _io_errors(key: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"The local store failed at {key!r}: {error.strerror}; check the disk and OCRFLEET_STORE_URL."
        ) from error


@contextmanager
def _folder_conflicts(key: str) -> Iterator[None]:
    try:
        yield
    except (NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        raise InvalidRequest(f"Object key {key!r} is refused: part of it is an object, or it is a folder.") from error


def _chunks(body: bytes | BinaryIO) -> Iterator[bytes]:
    if isinstance(body, bytes):
        return iter((body,))
    return iter(lambda: body.read(CHUNK_BYTES), b"")


def _write_all(descriptor: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _make_folders(folder: Path) -> None:
    """Make `folder` and what is missing above it; each new name is made durable in its parent."""
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    with suppress(FileExistsError):  # another writer was quicker
        folder.mkdir(mode=0o700)
        _sync_folder(folder.parent)
    if not stat.S_ISDIR(folder.stat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _listed_name(entry: os.DirEntry[str]) -> str | None:
    if entry.name.startswith(UNFINISHED):
        return None
    if entry.is_dir(follow_symlinks=False):
        return entry.name + "/"
    return entry.name if entry.is_file(follow_symlinks=False) else None


def _without_abandoned(folder: Path) -> set[Path]:
    """Every folder from `folder` down, after removing the unfinished files that nobody writes any more."""
    found: set[Path] = set()
    for parent, _, names in os.walk(folder):
        found.add(Path(parent))
        for name in names:
            with suppress(OSError):
                path = Path(parent, name)
                if name.startswith(UNFINISHED) and time.time() - path.stat().st_mtime > ABANDONED_AFTER_S:
                    path.unlink()
    return found
