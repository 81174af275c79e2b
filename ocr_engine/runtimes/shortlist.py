"""The classes that most steps of a line are about, and which steps need to be compared with all. Pure.

A recogniser of 18,710 classes spends a seventh of its time on comparing every step with every class, and most of what
it reads is blank, Latin or punctuation. So a step is compared with those, and with leaders that stand for the others:
the means of groups of alike classes. Where a leader comes near to the best of the shortlist, the step is doubted. The
idea is that of an inverted file for the largest inner product (Auvolat et al., Clustering is efficient for approximate
maximum inner product search, 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocr_engine.types import Classes, Tensor

# With fewer classes the classifier costs less than what it would save.
_FEWEST = 10_000
# Groups are halved so many times: 512 leaders.
_HALVINGS = 9
_POWER_STEPS = 8
# A leader's logit this far below the best of the shortlist, or nearer, is doubt. Of 81,144 steps of 2,875 real lines
# 1,590 are another class's; 4 of these are not doubted, no text changes, and 8 to 15 of a hundred steps are doubted.
_GAP = 18.0
# Latin letters, punctuation, digits in other places, arrows, the CJK marks and the full-width forms of ASCII.
_LIKELY = ((0x0000, 0x0250), (0x0370, 0x0400), (0x2010, 0x2045), (0x2080, 0x2190), (0x3000, 0x3020), (0xFF00, 0xFF5F))


@dataclass(frozen=True, kw_only=True, slots=True)
class Shortlist:
    """Two layers, each with weights (d, n) and shifts (n,): of the likely classes, and of the leaders."""

    likely: tuple[Tensor, Tensor]
    leaders: tuple[Tensor, Tensor]


def likely_classes(characters: Sequence[str], count: int) -> Classes | None:
    """The shortlist out of `count` classes: blank, `characters`, space. None: too few, or another dictionary's."""
    if count < _FEWEST or count != len(characters) + 2:
        return None
    chosen = [at for at, one in enumerate(characters, start=1) if len(one) == 1 and _is_likely(ord(one))]
    return np.array([0, *chosen, count - 1], dtype=np.int64)


def shortlist_of(likely: Classes, weights: Tensor, shift: Tensor) -> Shortlist:
    """The layers of a shortlist, from that of all classes: (d, c) and (c,)."""
    others = np.ones(len(shift), dtype=bool)
    others[likely] = False
    leaders = _leaders(np.concatenate([weights, shift[None]]).T[others]).T
    return Shortlist(
        likely=(np.ascontiguousarray(weights[:, likely]), shift[likely]),
        leaders=(np.ascontiguousarray(leaders[:-1]), np.ascontiguousarray(leaders[-1])),
    )


def doubted(ahead: Tensor) -> npt.NDArray[np.bool_]:
    """Which steps have to be compared with all classes, by how far the best leader's logit is over the shortlist's."""
    return ahead > -_GAP


def _leaders(rows: Tensor) -> Tensor:
    """The means of groups of equal size, each halved across its longest direction: (k, d) from (c, d)."""
    groups = [rows]
    for _ in range(_HALVINGS):
        groups = [half for group in groups for half in _halves(group)]
    return np.stack([group.mean(axis=0) for group in groups])


def _halves(rows: Tensor) -> tuple[Tensor, Tensor]:
    centred = rows - rows.mean(axis=0)
    # The first principal direction, by power iteration from the row that lies farthest out.
    direction = centred[np.square(centred).sum(axis=1).argmax()]
    for _ in range(_POWER_STEPS):
        direction = centred.T @ (centred @ direction)
        direction = direction / max(float(np.linalg.norm(direction)), 1e-12)
    order = np.argsort(centred @ direction, kind="stable")
    middle = (len(rows) + 1) // 2
    return rows[order[:middle]], rows[order[middle:]]


def _is_likely(code: int) -> bool:
    return any(first <= code < end for first, end in _LIKELY)
