"""A page's own text, as a born-digital PDF holds it: when it is taken in place of reading the pixels. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np

from ocr_engine.errors import InvalidRequest
from ocr_engine.types import Line, Reading

# A page covered by pictures to more than this may hold text in them. Logos are smaller.
_MAX_PICTURE_SHARE = 0.1
# Fonts without a table of characters give U+FFFD or private codes.
_MAX_UNKNOWN_SHARE = 0.02
# Steps of the line at which its characters stand: fine enough for words on the longest line.
_STEPS = 4096


class TextLayer(StrEnum):
    """What becomes of a PDF's own text. ignore: pages are read as pictures. auto: the text is taken where it is sound,
    and all other pages are read. only: it is taken as it is, and a page without it has no lines.
    """

    IGNORE = "ignore"
    AUTO = "auto"
    ONLY = "only"

    @classmethod
    def parse(cls, value: object) -> Self:
        """None: ignore. Raises: InvalidRequest: another word."""
        try:
            return cls(str(value or cls.IGNORE))
        except ValueError as error:
            raise InvalidRequest(f"text_layer={value!r} is not known; use {', '.join(cls)}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnLine:
    """One line of a PDF's text. `corners`: (x, y) in pixels of the rendered page, clockwise from the text's top-left.

    `middles`: of each character along the line, 0 at its start, 1 at its end.
    """

    text: str
    corners: tuple[tuple[float, float], ...]
    middles: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnText:
    """The text of one page. `hidden`: some of it is not drawn, as the text that a scanner's OCR adds.

    picture_share: 0..1, how much of the page is pictures.
    """

    lines: tuple[OwnLine, ...]
    hidden: bool
    picture_share: float

    @property
    def is_sound(self) -> bool:
        """Whether it is what a reader sees: there is some, all of it drawn, known characters, no large pictures."""
        characters = "".join(line.text for line in self.lines)
        unknown = sum(one == "\ufffd" or "\ue000" <= one <= "\uf8ff" for one in characters)
        few_unknown = unknown <= _MAX_UNKNOWN_SHARE * len(characters)
        return bool(characters.strip()) and few_unknown and not self.hidden and self.picture_share <= _MAX_PICTURE_SHARE


def lines_of(own: OwnText, *, width: int, height: int) -> tuple[Line, ...]:
    """The lines as the recogniser would give them, on a page of this size in pixels; the score of each is 1."""
    return tuple(
        Line(
            polygon=np.clip(np.rint(line.corners), 0, [width, height]).astype(np.int16),
            reading=Reading(
                text=line.text.rstrip(),
                score=1.0,
                columns=_columns(line.middles[: len(line.text.rstrip())]),
                steps=float(_STEPS),
            ),
        )
        for line in own.lines
        if line.text.strip()
    )


def _columns(middles: Sequence[float]) -> tuple[int, ...]:
    return tuple(min(max(int(middle * _STEPS), 0), _STEPS - 1) for middle in middles)
