"""The sample receipt.jpg: a shop receipt on a wooden table, photographed by hand."""

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.demo.samples.faces import TYPEWRITER, TYPEWRITER_BOLD, Style
from workers.demo.samples.pillow_sheet import PictureSheet, jpeg_bytes
from workers.demo.samples.sample import Sample, SamplePage, warp_lines
from workers.demo.samples.sheet import Sheet
from workers.demo.samples.textures import Picture, clouds, eight_bit, grain, lamp_light, wood

_SEED = 20250912
_INK = (52, 52, 62)
_PAPER = (247, 246, 243)
_TEXT = Style(face=TYPEWRITER_BOLD, size_pt=10.4, ink=_INK)
_LIGHT = Style(face=TYPEWRITER, size_pt=10.4, ink=_INK)
_SHOP = Style(face=TYPEWRITER_BOLD, size_pt=16, ink=_INK)
_TOTAL = Style(face=TYPEWRITER_BOLD, size_pt=17, ink=_INK)

_WIDTH_PT, _HEIGHT_PT, _MARGIN_PT = 226.0, 536.0, 13.0
_STEP_PT = 14.6
_PIXELS_PER_PT = 4.0

_SHOP_LINES = ("17 Harbour Lane, Kingsport", "Phone 555 62 48", "VAT number 38 274 916")
_ITEMS = (
    ("Sourdough bread", "4.20"),
    ("Whole milk 2 x 1.35", "2.70"),
    ("Free range eggs", "3.95"),
    ("Cheddar 0.412 kg", "6.18"),
    ("Tomatoes 0.865 kg", "3.03"),
    ("Bananas 1.120 kg", "2.13"),
    ("Olive oil 500 ml", "8.49"),
    ("Dark chocolate 3 x 1.80", "5.40"),
    ("Ground coffee", "7.25"),
    ("Butter, salted", "3.10"),
    ("Loyalty discount", "-2.15"),
)
_TAXES = (("Net amount", "41.38"), ("VAT 7 % included", "2.90"))
_CARD = (("Paid by card", "44.28"), ("Card ending in", "4471"), ("Approval code", "628 194"))
_CLOSING = ("Thank you for your visit!", "Please keep this receipt.", "Returns within 30 days.")

_PHOTO_SHAPE = (2048, 1536)  # height, width in pixels
# Where the receipt's corners lie in the picture, clockwise from its top-left: held a little askew.
_CORNERS_PX = ((398.0, 66.0), (1176.0, 112.0), (1214.0, 1976.0), (292.0, 1944.0))


def draw_receipt() -> Sample:
    """Draw the receipt and take its picture: a colour JPEG."""
    rng = np.random.default_rng(_SEED)
    sheet = _print_receipt()
    flat = _age(sheet.picture().astype(np.float32), rng)
    page = sheet.page()
    corners = np.array([(0, 0), (page.width, 0), (page.width, page.height), (0, page.height)], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, np.array(_CORNERS_PX, np.float32))
    photo = _photograph(flat, matrix, rng)
    height, width = _PHOTO_SHAPE
    lines = warp_lines(page.lines, np.asarray(matrix, dtype=np.float64))
    return Sample(
        name="receipt.jpg",
        media_type="image/jpeg",
        data=jpeg_bytes(photo, quality=85, dpi=72),
        pages=(SamplePage(width=width, height=height, lines=lines),),
    )


def _print_receipt() -> PictureSheet:
    sheet = PictureSheet(width_pt=_WIDTH_PT, height_pt=_HEIGHT_PT, pixels_per_pt=_PIXELS_PER_PT, paper=_PAPER)
    middle = _WIDTH_PT / 2
    sheet.write("Harbour Grocery", (middle, 38), _SHOP, "centre")
    y = 57.0
    for text in _SHOP_LINES:
        sheet.write(text, (middle, y), _LIGHT, "centre")
        y += _STEP_PT
    y = _pairs(sheet, (("12 Sep 2025", "18:42"), ("Cashier Nadia", "Till 3")), y + 6)
    y = _dashes(sheet, y)
    y = _pairs(sheet, _ITEMS, y)
    y = _dashes(sheet, y)
    sheet.write("TOTAL EUR", (_MARGIN_PT, y + 5), _TOTAL)
    sheet.write("44.28", (_WIDTH_PT - _MARGIN_PT, y + 5), _TOTAL, "right")
    y = _pairs(sheet, _TAXES, y + 24)
    y = _dashes(sheet, y)
    y = _pairs(sheet, _CARD, y) + 10
    for text in _CLOSING:
        sheet.write(text, (middle, y), _TEXT, "centre")
        y += _STEP_PT
    _barcode(sheet, y)
    return sheet


def _pairs(sheet: Sheet, pairs: tuple[tuple[str, str], ...], y: float) -> float:
    for left, right in pairs:
        sheet.write(left, (_MARGIN_PT, y), _TEXT)
        sheet.write(right, (_WIDTH_PT - _MARGIN_PT, y), _TEXT, "right")
        y += _STEP_PT
    return y


def _dashes(sheet: Sheet, y: float) -> float:
    for x in np.arange(_MARGIN_PT, _WIDTH_PT - _MARGIN_PT - 3, 6.2):
        sheet.path([(float(x), y - 6), (float(x) + 3.6, y - 6)], 0.7, _INK)
    return y + 8


def _barcode(sheet: Sheet, top: float) -> None:
    bars = np.random.default_rng(_SEED).integers(1, 4, 56) * 0.72
    x = (_WIDTH_PT - float(bars.sum())) / 2
    for number, width in enumerate(bars):
        if number % 2 == 0:
            sheet.box((x, top), (x + float(width), top + 30), _INK)
        x += float(width)


def _age(flat: Picture, rng: np.random.Generator) -> Picture:
    """Give thermal paper its look: bands of weak heat, paper grain, a fold, and the shading of its curl."""
    height, width = flat.shape[:2]
    paper = np.asarray(_PAPER, dtype=np.float32)
    heat = 1 - 0.16 * np.abs(clouds((height, width), (90, 2000), rng))
    speckled_heat = heat - 0.10 * np.abs(clouds((height, width), (3, 3), rng))
    printed = paper - (paper - flat) * speckled_heat[..., None]
    rows = np.arange(height, dtype=np.float32)[:, None] / height
    columns = np.arange(width, dtype=np.float32)[None, :] / width
    shade = 1 - 0.055 * np.cos(2 * np.pi * (1.6 * rows + 0.15 * columns)) - 0.10 * (columns - 0.4) ** 2
    fold = (rows - 0.505 - 0.008 * columns) * height
    shade = shade - 0.13 * np.exp(-((fold / 3.0) ** 2)) + 0.05 * np.exp(-(((fold - 9) / 8.0) ** 2))
    return np.asarray(printed * shade[..., None] + 2.0 * clouds((height, width), (4, 4), rng)[..., None], np.float32)


def _photograph(flat: Picture, matrix: cv2.typing.MatLike, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lay the receipt on the table and take the picture: uint8, (height, width, 3), RGB."""
    height, width = _PHOTO_SHAPE
    size = (width, height)
    outline = cv2.warpPerspective(_torn_outline(flat), matrix, size, flags=cv2.INTER_AREA)[..., None]
    receipt = cv2.warpPerspective(flat, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    # The lamp stands at the upper left: the paper throws a wide soft shadow and a narrow hard one.
    shadow = np.zeros((height, width), np.float32)
    for offset, softness, depth in ((26, 22.0, 0.45), (8, 5.0, 0.35)):
        moved = cv2.warpAffine(outline, np.array([[1, 0, offset], [0, 1, offset]], np.float32), size)
        shadow = np.maximum(shadow, depth * cv2.GaussianBlur(moved, (0, 0), softness))
    table = wood(_PHOTO_SHAPE, rng) * (1 - shadow[..., None])
    scene = table * (1 - outline) + receipt * outline
    light = lamp_light(_PHOTO_SHAPE, (0.28, 0.22), 0.42) * (1 + 0.05 * clouds(_PHOTO_SHAPE, (600, 600), rng))
    warm = np.array([1.0, 0.965, 0.90], np.float32)
    seen = cv2.GaussianBlur(np.asarray(scene * light[..., None] * warm, np.float32), (0, 0), 1.2)
    return eight_bit(np.asarray(seen + grain((height, width, 3), 5.5, rng), np.float32))


def _torn_outline(flat: Picture) -> Picture:
    """Draw where there is paper, as 0 or 1: the tear bar leaves teeth at both ends."""
    height, width = flat.shape[:2]
    tooth_px, depth_px = 22, 9
    columns = np.arange(width)
    teeth = depth_px * np.abs((columns % tooth_px) / (tooth_px / 2) - 1)
    rows = np.arange(height)[:, None]
    return np.asarray((rows >= teeth) & (rows < height - teeth), dtype=np.float32)
