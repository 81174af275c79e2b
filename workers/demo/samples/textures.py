"""Surfaces made of seeded noise: paper fibres, wood, uneven light."""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]  # (height, width) or (height, width, 3) RGB; 0..255 unless said otherwise


def clouds(shape: tuple[int, int], cell_px: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Draw smooth noise of about -1..1.

    shape: (height, width) in pixels. cell_px: (height, width) of one cloud in pixels.
    """
    height, width = shape
    coarse = rng.normal(0.0, 0.5, (max(2, height // cell_px[0]), max(2, width // cell_px[1])))
    return _float(cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC))


def grain(shape: tuple[int, ...], strength: float, rng: np.random.Generator) -> Picture:
    """Draw the noise of a sensor: standard deviation in grey levels, slightly smeared as in any camera."""
    noise = rng.standard_normal(shape, dtype=np.float32) * np.float32(strength * 1.6)
    return _float(cv2.GaussianBlur(noise, (3, 3), 0.6))


def wood(shape: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Draw a table of dark upright planks: float32, (height, width, 3), RGB."""
    width = shape[1]
    columns = np.arange(width, dtype=np.float32)[None, :]
    bend = clouds(shape, (700, 300), rng) * 26
    rings = 0.5 + 0.5 * np.sin((columns + bend) / 9.0 + 5 * clouds(shape, (900, 60), rng))
    fibres = clouds(shape, (220, 3), rng)
    tone = 0.42 + 0.16 * rings + 0.17 * fibres + 0.10 * clouds(shape, (500, 200), rng)
    plank_px = 318
    plank = (columns // plank_px).astype(np.int64)
    tone = tone + rng.normal(0.0, 0.07, width // plank_px + 1)[plank]
    gap = np.minimum(columns % plank_px, plank_px - columns % plank_px)
    tone = np.clip(tone, 0, 1) * np.clip(0.25 + gap / 5.0, 0, 1)
    dark, light = np.array([34, 20, 13]), np.array([139, 92, 58])
    return _float(dark + tone[..., None] * (light - dark))


def lamp_light(shape: tuple[int, int], centre: tuple[float, float], falloff: float) -> Picture:
    """Draw the light of one lamp as factors: 1 at the centre, weaker by falloff at one page height away.

    centre: (x, y) as shares of width and height.
    """
    height, width = shape
    rows = (np.arange(height, dtype=np.float32)[:, None] - centre[1] * height) / height
    columns = (np.arange(width, dtype=np.float32)[None, :] - centre[0] * width) / height
    return _float(1 - falloff * (rows**2 + columns**2))


def eight_bit(picture: Picture) -> NDArray[np.uint8]:
    """Round and clip to 0..255."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _float(values: NDArray[np.generic] | cv2.typing.MatLike) -> Picture:
    return np.asarray(values, dtype=np.float32)
