"""What an office scanner does to a sheet of paper: grey, speckle, show-through, skew."""

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.demo.samples.textures import Picture, clouds, eight_bit, grain

_PAPER_GREY = 232.0
_LID_GREY = 168.0
_SHOW_THROUGH = 0.10  # share of the back's ink that reaches the front
_SPECKS = 260
_FOLDS = (0.335, 0.668)  # as shares of the height: folded twice for its envelope


def scan(
    front: NDArray[np.uint8], back: NDArray[np.uint8], *, skew_deg: float, rng: np.random.Generator
) -> tuple[Picture, NDArray[np.float64]]:
    """Scan a printed sheet.

    front, back: uint8, (height, width, 3), RGB, both as one would read them.
    skew_deg: clockwise turn on the glass.
    Returns the scan as grey float32, (height, width), with the homography from front to scan, (3, 3).
    """
    height, width = front.shape[:2]
    paper = _paper((height, width), rng)
    ink = _ink(front) * (1 - 0.18 * np.abs(clouds((height, width), (5, 5), rng)))
    ghost = cv2.GaussianBlur(np.ascontiguousarray(_ink(back)[:, ::-1]), (0, 0), 2.2)
    sheet = np.asarray(paper * (1 - _SHOW_THROUGH * ghost) * (1 - 0.86 * ink), np.float32)
    _strew_specks(sheet, rng)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -skew_deg, 1.0)
    skewed = cv2.warpAffine(
        sheet, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=_LID_GREY
    )
    seen = cv2.GaussianBlur(skewed, (0, 0), 0.8) + grain((height, width), 4.0, rng)
    matrix = np.vstack([np.asarray(turn, dtype=np.float64), [0.0, 0.0, 1.0]])
    return np.asarray(seen, np.float32), matrix


def quarter_turn(picture: Picture) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Turn a picture clockwise by 90 degrees.

    Returns uint8, (width, height) of the original, with the homography from original to turned, (3, 3).
    """
    height = picture.shape[0]
    turned = cv2.rotate(eight_bit(picture), cv2.ROTATE_90_CLOCKWISE)
    matrix = np.array([[0, -1, height], [1, 0, 0], [0, 0, 1]], dtype=np.float64)
    return np.asarray(turned, dtype=np.uint8), matrix


def _ink(page: NDArray[np.uint8]) -> Picture:
    """Return how much ink lies where: 0 for blank paper, 1 for black."""
    return np.asarray(1 - cv2.cvtColor(page, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255, np.float32)


def _paper(shape: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Draw cheap grey paper: fibres, two folds, and darker towards the binding edge."""
    height, width = shape
    paper = _PAPER_GREY + 3.0 * clouds(shape, (6, 6), rng) + 4.0 * clouds(shape, (400, 400), rng)
    rows = np.arange(height, dtype=np.float32)[:, None]
    for fold in _FOLDS:
        distance = rows - fold * height
        paper = paper - 15 * np.exp(-((distance / 2.5) ** 2)) + 5 * np.exp(-(((distance - 7) / 6) ** 2))
    columns = np.arange(width, dtype=np.float32)[None, :]
    return np.asarray(paper - 34 * np.exp(-columns / 55), np.float32)


def _strew_specks(sheet: Picture, rng: np.random.Generator) -> None:
    """Put dust on a sheet of our own making: dark specks of one or two pixels."""
    height, width = sheet.shape
    for x, y, size, grey in zip(
        rng.integers(0, width, _SPECKS),
        rng.integers(0, height, _SPECKS),
        rng.choice([1, 1, 1, 2], _SPECKS),
        rng.uniform(60, 170, _SPECKS),
        strict=True,
    ):
        sheet[y : y + size, x : x + size] = grey
