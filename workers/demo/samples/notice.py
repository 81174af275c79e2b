"""The sample notice.png: a clean print in simplified Chinese with English in between."""

from workers.demo.samples.faces import CHINESE, SANS, Style
from workers.demo.samples.pillow_sheet import PictureSheet, png_bytes
from workers.demo.samples.sample import Sample
from workers.demo.samples.sheet import Frame, Sheet
from workers.demo.samples.typesetting import Column, TableLook, paragraph, table

_DPI = 150
_WIDTH_PT, _HEIGHT_PT = 595.2, 841.92  # 1240 x 1754 pixels
_LEFT = 58.0
_WIDTH = _WIDTH_PT - 2 * _LEFT

_BLUE = (24, 62, 112)
_SKY = (236, 242, 250)
_GOLD = (204, 153, 60)
_WHITE = (255, 255, 255)

_TITLE = Style(face=CHINESE, size_pt=30, ink=_WHITE)
_SUBTITLE = Style(face=SANS, size_pt=13.5, ink=(214, 226, 242))
_HEADING = Style(face=CHINESE, size_pt=16, ink=_BLUE)
_BODY = Style(face=CHINESE, size_pt=13, leading=1.7)
_ENGLISH = Style(face=SANS, size_pt=10.6, ink=(92, 98, 110))
_LOOK = TableLook(
    head=Style(face=CHINESE, size_pt=12, ink=_WHITE),
    body=Style(face=CHINESE, size_pt=12),
    row_pt=28,
    rule=_BLUE,
    head_fill=_BLUE,
    stripe=_SKY,
)

_PROSE = (
    "为了更好地服务读者，滨江图书馆自 2025 年 10 月 1 日起实行新的开放时间。二楼自习室增加 120 个座位，"
    "全部配备 USB 接口和台灯。馆内无线网络名称为 Library Free，登录时请使用读者证号码。",
    "电子阅览室新购 36 台计算机，可以访问 CNKI、IEEE Xplore 和 JSTOR 等数据库。每位读者每天可免费打印 "
    "20 页，超出部分每页 0.5 元。如需借用 Kindle 阅读器，请到三楼服务台办理，借期为 14 天。",
)
_HOURS = (
    ("区域", "Area", "周一至周五", "周六、周日"),
    ("阅览大厅", "Reading hall", "08:30 - 21:00", "09:00 - 18:00"),
    ("自习室", "Study rooms", "07:00 - 22:30", "07:00 - 22:30"),
    ("儿童阅读区", "Children's corner", "09:30 - 18:30", "09:00 - 19:00"),
    ("电子阅览室", "Computer lab", "10:00 - 20:00", "10:00 - 17:00"),
    ("咖啡厅", "Coffee bar", "08:00 - 20:30", "09:00 - 17:30"),
)
_RULES = (
    ("1. 请保持安静，将手机调至静音状态。", "Keep quiet and set your phone to silent."),
    ("2. 饮料请加盖，食物只能在咖啡厅享用。", "Drinks need a lid; food stays in the coffee bar."),
    ("3. 借书每次不超过 15 册，可续借 2 次。", "Borrow up to 15 books and renew them twice."),
)
_CONTACT = (
    "咨询电话：0571 8823 4567（每天 9:00 至 17:00）",
    "电子邮箱：service@riverside.example",
    "地址：滨江路 268 号，地铁 4 号线文化宫站 B 出口",
)


def draw_notice() -> Sample:
    """Draw the notice: one page, a colour PNG of 150 dpi."""
    sheet = PictureSheet(width_pt=_WIDTH_PT, height_pt=_HEIGHT_PT, pixels_per_pt=_DPI / 72)
    _banner(sheet)
    baseline = 168.0
    for text in _PROSE:
        frame = Frame(left_pt=_LEFT, top_pt=baseline, width_pt=_WIDTH)
        baseline = paragraph(sheet, text, frame, _BODY, justified=False) + 7
    baseline = _heading(sheet, "开放时间", "Opening hours", baseline + 14)
    bottom = table(
        sheet,
        _HOURS,
        (Column(anchor_pt=14), Column(anchor_pt=118), Column(anchor_pt=252), Column(anchor_pt=370)),
        Frame(left_pt=_LEFT, top_pt=baseline - 12, width_pt=_WIDTH),
        _LOOK,
    )
    baseline = _heading(sheet, "注意事项", "Please note", bottom + 40)
    for chinese, english in _RULES:
        sheet.write(chinese, (_LEFT, baseline + 4), _BODY)
        sheet.write(english, (_LEFT + 248, baseline + 4), _ENGLISH)
        baseline += 27
    _contact(sheet, baseline + 2)
    page = sheet.page()
    return Sample(
        name="notice.png",
        media_type="image/png",
        data=png_bytes(sheet.picture(), dpi=_DPI),
        pages=(page,),
    )


def _banner(sheet: Sheet) -> None:
    sheet.box((0, 0), (_WIDTH_PT, 122), _BLUE)
    sheet.box((0, 122), (_WIDTH_PT, 127), _GOLD)
    sheet.write("滨江图书馆开放公告", (_WIDTH_PT / 2, 66), _TITLE, "centre")
    sheet.write("Riverside Library: New Opening Hours", (_WIDTH_PT / 2, 97), _SUBTITLE, "centre")


def _heading(sheet: Sheet, chinese: str, english: str, baseline: float) -> float:
    sheet.box((_LEFT, baseline - 14), (_LEFT + 5, baseline + 3), _GOLD)
    sheet.write(chinese, (_LEFT + 14, baseline), _HEADING)
    sheet.write(english, (_LEFT + 90, baseline), _ENGLISH)
    return baseline + 25


def _contact(sheet: Sheet, top: float) -> None:
    sheet.box((_LEFT, top), (_LEFT + _WIDTH, top + 88), _SKY)
    baseline = top + 27
    for text in _CONTACT:
        sheet.write(text, (_LEFT + 18, baseline), _BODY)
        baseline += 23
    right = _LEFT + _WIDTH
    sheet.write("滨江图书馆", (right, top + 122), _BODY, "right")
    sheet.write("2025 年 9 月 15 日", (right, top + 144), _BODY, "right")
