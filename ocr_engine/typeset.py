"""Text set into a patch of a given size: every character is drawn, in a typeface that has it or as its code point."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import PIL.Image
from PIL import ImageDraw

from ocr_engine.fonts import Typeface, default_typeface, face, has_glyph, typeface_of

_BLACK, _WHITE = 0, 255
_VERTICAL_MIN_PX = 30
_LETTER_GAP_PX = 2
# Under this size the gap would be as large as the letters.
_GAP_FROM_SIZE_PX = 10
# Sizes shrink in proportion, but gaps and hinting do not: a second or third step is needed, never more than these.
_FITTING_STEPS = 8
_MARKS = frozenset({"Mn", "Mc", "Me"})
_UNSEEN = frozenset({"Cf"})
_RIGHT_TO_LEFT = frozenset({"R", "AL"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Neighbouring characters of one typeface; None: a single character that no typeface has."""

    typeface: Typeface | None
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ink:
    """The bounds of what is drawn, pixels from the pen's start on the baseline, downwards; a space has none."""

    left: float
    top: float
    right: float
    bottom: float


def typeset(text: str, width: int, height: int) -> PIL.Image.Image:
    """Black text on a white "L" patch of this size, in pixels; tall patches are set downwards. Nothing is cut off."""
    patch = PIL.Image.new("L", (width, height), _WHITE)
    if not text.strip():
        return patch
    if height > 2 * width and height > _VERTICAL_MIN_PX:
        _set_downwards(ImageDraw.Draw(patch), letters_of(text), width, height)
    else:
        _set_across(ImageDraw.Draw(patch), runs_of(text), width, height)
    return patch


def runs_of(text: str) -> list[Run]:
    """The text cut where the typeface changes, in the order in which the pieces stand from left to right.

    A mark, and a sign that belongs to no script, stay with the letter before them where its typeface has them. Inside
    a piece the shaping engine turns right-to-left scripts; a text that starts with one has its pieces from the right.
    """
    runs: list[Run] = []
    for character in text:
        # A line break or a tab would move the pen out of the patch.
        shown = " " if unicodedata.category(character) == "Cc" else character
        last = runs[-1].typeface if runs else None
        typeface = last if last is not None and _belongs(shown, last) else typeface_of(shown)
        if runs and typeface is not None and typeface == last:
            runs[-1] = Run(typeface=last, text=runs[-1].text + shown)
        else:
            runs.append(Run(typeface=typeface, text=shown))
    return runs[::-1] if _starts_from_the_right(text) else runs


def letters_of(text: str) -> list[str]:
    """The text in letters, each with the marks that stand on it."""
    letters: list[str] = []
    for character in text:
        if letters and unicodedata.category(character) in _MARKS | _UNSEEN:
            letters[-1] += character
        else:
            letters.append(character)
    return letters


def _belongs(character: str, typeface: Typeface) -> bool:
    category = unicodedata.category(character)
    if category in _UNSEEN:
        return True
    return not category.startswith("L") and has_glyph(typeface, character)


def _starts_from_the_right(text: str) -> bool:
    strong = (unicodedata.bidirectional(character) for character in text)
    return next((kind for kind in strong if kind in _RIGHT_TO_LEFT or kind == "L"), "L") in _RIGHT_TO_LEFT


def _set_across(pen: ImageDraw.ImageDraw, runs: Sequence[Run], width: int, height: int) -> None:
    """The largest size up to 80 % of the height at which the text is no wider and no taller than its box."""
    size = max(int(height * 0.8), 1)
    for _ in range(_FITTING_STEPS):
        ascent, descent = _extent(runs, size)
        length = sum(_length(run, size) for run in runs)
        excess = max(length / max(width - 1, 1), (ascent + descent) / height)
        if excess <= 1 or size == 1:
            break
        size = max(min(int(size / excess), size - 1), 1)
    left = 0.0
    for run in runs:
        _draw(pen, run, (left, ascent), size)
        left += _length(run, size)


def _set_downwards(pen: ImageDraw.ImageDraw, letters: Sequence[str], width: int, height: int) -> None:
    """One letter under the other, each in the middle of the width."""
    columns = [runs_of(letter) for letter in letters]
    size = max(10, int(height / len(letters) * 0.8 * 1.2))
    for _ in range(_FITTING_STEPS):
        inks = [_ink(runs, size) for runs in columns]
        gap = _LETTER_GAP_PX if size >= _GAP_FROM_SIZE_PX else 0
        widest = max(ink.right - ink.left for ink in inks)
        total = sum(ink.bottom - ink.top + gap for ink in inks)
        excess = max(widest / max(width - 1, 1), total / height)
        if excess <= 1 or size == 1:
            break
        size = max(min(int(size / excess), size - 1), 1)
    top = 0.0
    for runs, ink in zip(columns, inks, strict=True):
        left = (width - ink.right + ink.left) / 2 - ink.left
        for run in runs:
            _draw(pen, run, (left, top - ink.top), size)
            left += _length(run, size)
        top += ink.bottom - ink.top + gap


def _extent(runs: Sequence[Run], size_px: int) -> tuple[int, int]:
    """Pixels above and below the baseline, of the typefaces used."""
    metrics = [face(size_px, run.typeface).getmetrics() for run in runs]
    return max(ascent for ascent, _ in metrics), max(descent for _, descent in metrics)


def _ink(runs: Sequence[Run], size_px: int) -> _Ink:
    left, boxes = 0.0, []
    for run in runs:
        box = (0.0, -float(size_px), float(size_px), 0.0)
        if run.typeface is not None:
            box = face(size_px, run.typeface).getbbox(run.text, anchor="ls")
        boxes.append(_Ink(left=left + box[0], top=box[1], right=left + box[2], bottom=box[3]))
        left += _length(run, size_px)
    return _Ink(
        left=min(box.left for box in boxes),
        top=min(box.top for box in boxes),
        right=max(box.right for box in boxes),
        bottom=max(box.bottom for box in boxes),
    )


def _length(run: Run, size_px: int) -> float:
    return float(size_px) if run.typeface is None else face(size_px, run.typeface).getlength(run.text)


def _draw(pen: ImageDraw.ImageDraw, run: Run, at: tuple[float, float], size_px: int) -> None:
    """Draw the run with its left end on the baseline at `at`."""
    if run.typeface is not None:
        pen.text(at, run.text, fill=_BLACK, font=face(size_px, run.typeface), anchor="ls")
        return
    left, bottom = at
    gap = max(size_px // 12, 1)
    right, top = left + size_px - gap, bottom - size_px + gap
    pen.rectangle((left + gap, min(top, bottom), max(right, left + gap), bottom), outline=_BLACK)
    digits = f"{ord(run.text):04X}"
    half = (len(digits) + 1) // 2
    small = face(max(int(size_px * 0.4), 1), default_typeface())
    middle = (left + gap + right) / 2
    for row, part in enumerate((digits[:half], digits[half:])):
        pen.text((middle, top + (0.28 + 0.44 * row) * (bottom - top)), part, fill=_BLACK, font=small, anchor="mm")
