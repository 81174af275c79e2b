"""CTC decoding: class probabilities per step to a text and its score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ocr_engine.errors import ModelUnavailable
from ocr_engine.runtimes import best_of
from ocr_engine.types import Classes, Reading, Tensor

_BLANK = 0
_METADATA_KEY = "character"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alphabet:
    """What each class of the recogniser means: class 0 is blank, the last is a space, the dictionary is between."""

    characters: tuple[str, ...]

    @classmethod
    def of(cls, metadata: Mapping[str, str]) -> Alphabet:
        """Read the newline-separated dictionary that the weights carry. Raises: ModelUnavailable: they carry none.

        Split at newlines only and never stripped: the dictionary holds U+3000, quotes and emoji.
        """
        text = metadata.get(_METADATA_KEY)
        if not text:
            raise ModelUnavailable("the recogniser's weights carry no dictionary; use the packaged weights")
        return cls(characters=("", *text.removesuffix("\n").split("\n"), " "))


def decode(steps: Tensor, alphabet: Alphabet, *, share: float = 1.0) -> Reading:
    """Read one line from its probabilities (steps, classes): best class a step, repeats merged, blanks dropped.

    `share`: 0..1, how much of the batch's width this line takes.

    Raises: ModelUnavailable: the dictionary does not belong to these weights.
    """
    check_classes(steps.shape[1], alphabet)
    classes, scores = best_of(steps[None])
    return decode_best(classes[0], scores[0], alphabet, share=share)


def check_classes(count: int, alphabet: Alphabet) -> None:
    """Raises: ModelUnavailable: a recogniser with `count` classes does not belong to this dictionary."""
    if count != len(alphabet.characters):
        raise ModelUnavailable(
            f"the recogniser has {count} classes but its dictionary makes {len(alphabet.characters)}"
        )


def decode_best(best: Classes, scores: Tensor, alphabet: Alphabet, *, share: float = 1.0) -> Reading:
    """Like `decode`, from the best class of every step and its probability, (steps,) each."""
    kept = best != _BLANK
    kept[1:] &= best[1:] != best[:-1]
    places = np.flatnonzero(kept)
    if not len(places):
        return Reading(text="", score=0.0)
    letters = [alphabet.characters[entry] for entry in best[places].tolist()]
    text = "".join(letters)
    columns = places.tolist()
    if len(text) != len(letters):
        # A dictionary entry may be more than one code point.
        columns = [place for place, entry in zip(columns, letters, strict=True) for _ in entry]
    return Reading(text=text, score=float(scores[places].mean()), columns=tuple(columns), steps=len(best) * share)
