"""Settings in a file, which may change while a supervisor runs: `NAME=value` a line, as Docker's and systemd's are."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from producer.contract.errors import InvalidRequest
from producer.misspelt import misspelt
from producer.settings import Settings
from workers.engine_options import check_engine_options
from workers.settings import ALL_SETTINGS, AutoscaleSettings, WorkerSettings

VARIABLE = "OCRFLEET_SETTINGS_FILE"
_LINE = re.compile(r"([A-Za-z_]\w*)=(.*)")


class SettingsFile:
    """The file that OCRFLEET_SETTINGS_FILE names, below the environment that this process was started with.

    Where both have a name, the environment has the last word, as everywhere: what a file is to change is set nowhere
    else. Values are taken as they are, without quotes and without what they would mean to a shell.
    """

    def __init__(self) -> None:
        self._given = dict(os.environ)
        path = self._given.get(VARIABLE)
        self._path = Path(path) if path else None

    def load(self) -> None:
        """Let this process, and those that it starts from now on, have what the file says now.

        Raises: InvalidRequest: it cannot be read, or says what no setting can be; then nothing has changed.
        """
        if self._path is None:
            return
        former, found = dict(os.environ), _read(self._path)
        for name, meant in misspelt(found, *ALL_SETTINGS).items():
            advice = f"did you mean {meant}?" if meant else "`ocrfleet settings` lists them"
            raise InvalidRequest(f"{self._path}: {name} is no setting; {advice}")
        _set_environment({**found, **self._given})
        try:
            check_engine_options(Settings(), WorkerSettings())
            AutoscaleSettings()
        except InvalidRequest as error:
            _set_environment(former)
            raise InvalidRequest(f"{self._path}: {error.message}") from error


def _read(path: Path) -> dict[str, str]:
    """Raises: InvalidRequest."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} cannot be read ({error}); it is what {VARIABLE} names") from error
    found = {}
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InvalidRequest(f"{path}, line {number}: write NAME=value, or begin with # what is a remark")
        found[match[1]] = match[2]
    return found


def _set_environment(environment: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
