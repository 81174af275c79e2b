"""Take a model's files out of a tar archive that nobody vouches for."""

from __future__ import annotations

import tarfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath

_MAX_MEMBERS = 64


class UnsafeArchive(Exception):
    """The archive is not one that a model comes in."""


def unpack(archive: Path, folder: Path, *, wanted: Collection[str], max_bytes: int) -> None:
    """Write the wanted files of the archive, whatever folder of it they are in, straight into `folder`.

    Everything in the archive is looked at before anything is written. Raises: UnsafeArchive; OSError.
    """
    try:
        # "r:" reads no compressed archive, so what comes out is never larger than what went in.
        with tarfile.open(archive, "r:") as tar:
            for member in _checked(tar, wanted, max_bytes):
                tar.extract(member.replace(name=PurePosixPath(member.name).name), folder, filter="data")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise UnsafeArchive(f"not a whole tar archive: {error}") from error


def _checked(tar: tarfile.TarFile, wanted: Collection[str], max_bytes: int) -> list[tarfile.TarInfo]:
    chosen: dict[str, tarfile.TarInfo] = {}
    total = 0
    for count, member in enumerate(tar):
        total += member.size
        reason = _objection(member)
        if count >= _MAX_MEMBERS:
            reason = f"more than {_MAX_MEMBERS} members"
        elif total > max_bytes:
            reason = f"more than {max_bytes} bytes"
        if reason:
            raise UnsafeArchive(f"refused at {member.name[:80]!r}: {reason}")
        name = PurePosixPath(member.name).name
        if member.isreg() and name in wanted and chosen.setdefault(name, member) is not member:
            raise UnsafeArchive(f"two files are called {name}")
    return list(chosen.values())


def _objection(member: tarfile.TarInfo) -> str | None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        return "it leaves the folder"
    if member.issparse() or not (member.isreg() or member.isdir()):
        return "it is neither a plain file nor a folder"
    return None
