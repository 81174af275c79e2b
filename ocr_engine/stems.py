"""The names under which the results of one run are saved, none twice."""

from __future__ import annotations


class Stems:
    """One for each run. Not for several threads.

    A name that another page of this run has taken, a/scan.png before b/scan.png, scan.png before scan.jpg, or page 1 of
    scan.pdf before scan_1.png, gets `-2`, `-3` and so on. Everything else keeps the reference's name, and the same run
    over the same documents gives the same names. Upper and lower case are one name, as on some file systems.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def claim(self, stem: str) -> str:
        """The name itself, or the first numbered one that is free."""
        found, number = stem, 1
        while found.casefold() in self._taken:
            number += 1
            found = f"{stem}-{number}"
        self._taken.add(found.casefold())
        return found
