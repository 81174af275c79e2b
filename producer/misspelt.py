"""Variables that are called as settings are, and are none."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import structlog

from producer.settings import CheckedSettings

_PREFIX = "OCRFLEET_"
# Read by none of our processes: what the unit of docker/systemd is started with.
_ELSEWHERE = frozenset({"OCRFLEET_ARGUMENTS"})
# Settings of workers, whose classes the producer does not know.
_OF_WORKERS = ("OCRFLEET_WORKER_", "OCRFLEET_AUTOSCALE_")
_log = structlog.get_logger(__name__)


def misspelt(given: Iterable[str], *kinds: type[CheckedSettings]) -> dict[str, str]:
    """Those of the names that are no setting of these kinds, each with the one that was meant; empty: none is like it.

    Pure. Names of kinds that are not given are left alone.
    """
    prefixes = {str(kind.model_config.get("env_prefix")) for kind in kinds}
    known = {f"{kind.model_config.get('env_prefix')}{name.upper()}" for kind in kinds for name in kind.model_fields}
    others = tuple(prefix for prefix in _OF_WORKERS if prefix not in prefixes)
    unknown = (
        name
        for name in given
        if name.upper().startswith(_PREFIX)
        and name.upper() not in known | _ELSEWHERE
        and not name.upper().startswith(others)
    )
    return {name: next(iter(get_close_matches(name.upper(), known, n=1, cutoff=0.8)), "") for name in unknown}


def warn_of_misspelt(given: Iterable[str], *kinds: type[CheckedSettings]) -> None:
    """Log each; a part that was started by another leaves it to that one."""
    for name, meant in misspelt(given, *kinds).items():
        _log.warning("setting_unknown", name=name, **({"meant": meant} if meant else {}))
