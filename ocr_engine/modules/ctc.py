"""CTC decoding: class probabilities per step to a text and its score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ocr_engine.errors import ModelUnavailable
from ocr_engine.types import Reading, Tensor

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
    if steps.shape[1] != len(alphabet.characters):
        raise ModelUnavailable(
            f"the recogniser has {steps.shape[1]} classes but its dictionary makes {len(alphabet.characters)}"
        )
    best = steps.argmax(axis=1)
    kept = best != _BLANK
    kept[1:] &= best[1:] != best[:-1]
    if not kept.any():
        return Reading(text="", score=0.0)
    places = np.flatnonzero(kept)
    letters = [alphabet.characters[best[place]] for place in places]
    return Reading(
        text="".join(letters),
        score=float(np.mean(steps[kept, best[kept]])),
        # A dictionary entry may be more than one code point.
        columns=tuple(int(place) for place, entry in zip(places, letters, strict=True) for _ in entry),
        steps=len(steps) * share,
    )
