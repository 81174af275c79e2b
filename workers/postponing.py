"""How long work waits that a store, a source or an engine did not let be done."""

from __future__ import annotations

import random

FIRST_S = 2.0
# Models that a node lacks: time for another node to take the job, or for the host of models to come back.
MODELS_S = 30.0
_MAX_S, _DOUBLINGS = 300.0, 10  # after days of waiting 2**waits is no number any more


def postpone_s(waits: int) -> float:
    """Seconds until the next try after so many waits: twice as long each time, bounded, and not all at once."""
    return min(FIRST_S * 2.0 ** min(waits, _DOUBLINGS), _MAX_S) * random.uniform(0.8, 1.2)
