"""A statement as a PDF: A4, fonts embedded, every page with its number. The same statement gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reportlab.lib.colors import HexColor, white  # type: ignore[import-untyped]
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]

from partner_warehouse.exports.statement_fonts import REGULAR, STRONG, Fonts
from partner_warehouse.exports.statement_view import Item, Section, Sheet, View

_WIDTH, _HEIGHT = A4
_LEFT, _RIGHT = 43.0, _WIDTH - 43.0
_TOP, _BOTTOM = _HEIGHT - 40.0, 52.0
_TEXT = _LEFT + 70.0
_AMOUNT = 92.0
"""Width of the column of amounts."""

_INK, _MUTED, _RULE, _TINT, _ACCENT = (
    HexColor(code) for code in ("#1b2430", "#5c6773", "#d5dae0", "#f3f5f8", "#1f4e79")
)

Draw = Callable[["_Page", float], None]


@dataclass(frozen=True, slots=True)
class _Block:
    """Something that is not broken across pages.

    Attributes:
        height: In points.
        draw: Draws it below a height.
        keep: Height of what must follow on the same page.
        heads: Of the lines' table, repeated above it on a new page; none to repeat nothing.
    """

    height: float
    draw: Draw
    keep: float = 0.0
    heads: tuple[str, ...] = ()


class _Page:
    """What is drawn on."""

    def __init__(self, canvas: Canvas, fonts: Fonts) -> None:
        self.canvas = canvas
        self.fonts = fonts

    def text(self, x: float, y: float, text: str, size: float, *, font: str = REGULAR, color: object = _INK) -> None:
        self.canvas.setFillColor(color)
        for name, piece in self.fonts.runs(text, font):
            self.canvas.setFont(name, size)
            self.canvas.drawString(x, y, piece)
            x += self.canvas.stringWidth(piece, name, size)

    def right(self, x: float, y: float, text: str, size: float, *, font: str = REGULAR, color: object = _INK) -> None:
        self.text(x - self.fonts.width(text, font, size), y, text, size, font=font, color=color)

    def rule(self, y: float, *, color: object = _RULE, width: float = 0.5, left: float = _LEFT) -> None:
        self.canvas.setStrokeColor(color)
        self.canvas.setLineWidth(width)
        self.canvas.line(left, y, _RIGHT, y)

    def box(self, x: float, y: float, width: float, height: float, color: object, *, radius: float = 0) -> None:
        self.canvas.setFillColor(color)
        self.canvas.roundRect(x, y, width, height, radius, stroke=0, fill=1)


def render(view: View, fonts: Fonts) -> bytes:
    """The document.

    Args:
        view: What is printed.
        fonts: With which.
    """
    pages = _paginate(list(_blocks(view, fonts)))
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4, invariant=1, pageCompression=1, lang="en")
    canvas.setTitle(f"Commission statement {view.number}")
    canvas.setAuthor(view.issuer)
    canvas.setSubject(f"{view.partner}, {view.month}")
    page = _Page(canvas, fonts)
    for number, blocks in enumerate(pages, start=1):
        y = _TOP
        for block in blocks:
            block.draw(page, y)
            y -= block.height
        _foot(page, view, number, len(pages))
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def _paginate(blocks: list[_Block]) -> list[list[_Block]]:
    pages: list[list[_Block]] = [[]]
    left = _TOP - _BOTTOM
    for block in blocks:
        if pages[-1] and block.height + block.keep > left:
            pages.append([])
            left = _TOP - _BOTTOM
            if block.heads:
                head = _table_head(block.heads)
                pages[-1].append(head)
                left -= head.height
        pages[-1].append(block)
        left -= block.height
    return pages


def _foot(page: _Page, view: View, number: int, count: int) -> None:
    page.rule(_BOTTOM - 12)
    page.text(_LEFT, _BOTTOM - 24, f"{view.number} · approved content {view.fingerprint}", 7, color=_MUTED)
    page.right(_RIGHT, _BOTTOM - 24, f"Page {number} of {count}", 7, color=_MUTED)


def _blocks(view: View, fonts: Fonts) -> Iterator[_Block]:
    yield _letterhead(view, fonts)
    if view.note:
        yield _note(view.note, fonts)
    for sheet in view.sheets:
        yield _currency(sheet.currency)
        yield _balance(sheet)
        if sheet.note:
            yield _note(sheet.note, fonts)
        for section in sheet.sections:
            yield from _section(section, fonts)
        if not sheet.sections:
            yield _Block(24, lambda page, y: page.text(_LEFT, y - 16, "No line in this month.", 8.5, color=_MUTED))
    if view.excluded:
        yield from _section(view.excluded, fonts, size=14, color=_ACCENT)
    yield _explanation(fonts)


def _currency(currency: str) -> _Block:
    return _Block(34, lambda page, y: page.text(_LEFT, y - 26, currency, 14, font=STRONG, color=_ACCENT), 130)


def _letterhead(view: View, fonts: Fonts) -> _Block:
    issuer = fonts.wrapped(view.issuer, STRONG, 10.5, 200)
    partner = fonts.wrapped(view.partner, STRONG, 12.5, 300)
    facts = [("Statement", view.number), ("Period", view.between), ("Approved", view.approved_on)]
    told = [(label, fonts.wrapped(text, REGULAR, 8.5, 140)) for label, text in facts]
    under = f"Partner {view.partner_id}" + f", {view.country}" * bool(view.country)
    below = fonts.wrapped(under, REGULAR, 8.5, 300)
    left = 15.0 * len(partner) + 12 * len(below)
    height = 74 + max(left, 12.0 * sum(len(lines) for _, lines in told)) + 6

    def draw(page: _Page, y: float) -> None:
        page.text(_LEFT, y - 18, "Commission statement", 19, font=STRONG, color=_ACCENT)
        page.text(_LEFT, y - 34, view.month, 10.5, color=_MUTED)
        for number, line in enumerate(issuer[:3]):
            page.right(_RIGHT, y - 14 - 13 * number, line, 10.5, font=STRONG)
        page.rule(y - 46, color=_ACCENT, width=2)
        at = y - 70
        for line in partner:
            page.text(_LEFT, at, line, 12.5, font=STRONG)
            at -= 15
        for line in below:
            page.text(_LEFT, at, line, 8.5, color=_MUTED)
            at -= 12
        at = y - 66
        for label, lines in told:
            page.text(_RIGHT - 190, at, label, 8.5, color=_MUTED)
            for line in lines:
                page.text(_RIGHT - 140, at, line, 8.5)
                at -= 12

    return _Block(height, draw)


def _balance(sheet: Sheet) -> _Block:
    height = 16.0 * len(sheet.balance) + 4

    def draw(page: _Page, y: float) -> None:
        page.box(_LEFT, y - height + 4, 170, height - 4, _ACCENT, radius=5)
        page.text(_LEFT + 14, y - 22, "Paid out", 9, color=white)
        size = 18.0
        while page.fonts.width(f"{sheet.paid} {sheet.currency}", STRONG, size) > 144:
            size -= 0.5
        page.text(_LEFT + 14, y - 44, f"{sheet.paid} {sheet.currency}", size, font=STRONG, color=white)
        page.text(_LEFT + 14, y - 62, page.fonts.wrapped(sheet.payout_id, REGULAR, 7, 148)[0], 7, color=white)
        last = len(sheet.balance) - 1
        for number, (label, amount) in enumerate(sheet.balance):
            at = y - 12 - 16 * number
            font = STRONG if number == last else REGULAR
            page.text(_LEFT + 194, at, label, 9, font=font)
            page.right(_RIGHT, at, amount, 9, font=font)
            if number != last:
                page.rule(at - 5, left=_LEFT + 194)

    return _Block(height, draw)


def _note(text: str, fonts: Fonts) -> _Block:
    lines = fonts.wrapped(text, REGULAR, 8.5, _RIGHT - _LEFT - 20)
    height = 12.0 * len(lines) + 18

    def draw(page: _Page, y: float) -> None:
        page.box(_LEFT, y - height + 2, _RIGHT - _LEFT, height - 10, _TINT)
        page.box(_LEFT, y - height + 2, 2.5, height - 10, _ACCENT)
        for number, line in enumerate(lines):
            page.text(_LEFT + 12, y - 19 - 12 * number, line, 8.5)

    return _Block(height, draw)


def _section(section: Section, fonts: Fonts, *, size: float = 11, color: object = _INK) -> Iterator[_Block]:
    items = [_item(item, section.heads, fonts) for item in section.items]
    notes = fonts.wrapped(section.note, REGULAR, 8, _RIGHT - _LEFT) if section.note else []
    head = _table_head(section.heads)
    height = 28.0 + 11 * len(notes)

    def draw(page: _Page, y: float) -> None:
        page.text(_LEFT, y - 22, section.title, size, font=STRONG, color=color)
        for number, line in enumerate(notes):
            page.text(_LEFT, y - 34 - 11 * number, line, 8, color=_MUTED)

    yield _Block(height, draw, head.height + items[0].height)
    yield _Block(head.height, head.draw, items[0].height)
    yield from items
    if not section.total:
        return

    def total(page: _Page, y: float) -> None:
        page.box(_LEFT, y - 18, _RIGHT - _LEFT, 18, _TINT)
        page.text(_TEXT, y - 12.5, section.title, 8.5, font=STRONG)
        page.right(_RIGHT - 4, y - 12.5, section.total, 8.5, font=STRONG)

    yield _Block(20, total, heads=section.heads)


def _table_head(heads: tuple[str, ...]) -> _Block:
    label, title, amount = heads

    def draw(page: _Page, y: float) -> None:
        for x, text in ((_LEFT, label), (_TEXT, title)):
            page.text(x, y - 10, text, 7.5, font=STRONG, color=_MUTED)
        page.right(_RIGHT - 4, y - 10, amount, 7.5, font=STRONG, color=_MUTED)
        page.rule(y - 14, color=_INK)

    return _Block(15, draw)


def _item(item: Item, heads: tuple[str, ...], fonts: Fonts) -> _Block:
    room = _RIGHT - _AMOUNT - _TEXT
    titles = fonts.wrapped(item.title, REGULAR, 8.5, room)
    details = [line for text in item.details for line in fonts.wrapped(text, REGULAR, 7.2, room)]
    height = 11.0 * len(titles) + 9.2 * len(details) + 8

    def draw(page: _Page, y: float) -> None:
        page.text(_LEFT, y - 12, item.label, 8.5)
        page.right(_RIGHT - 4, y - 12, item.amount, 8.5)
        at = y - 12
        for line in titles:
            page.text(_TEXT, at, line, 8.5)
            at -= 11
        for line in details:
            page.text(_TEXT, at + 1, line, 7.2, color=_MUTED)
            at -= 9.2
        page.rule(y - height)

    return _Block(height, draw, heads=heads)


_EXPLAINED = (
    "A base is your share of what was collected, without tax, shipping, credit and excluded products. Parts of one "
    "invoice are rounded together, so that they sum to the rounded whole."
)


def _explanation(fonts: Fonts) -> _Block:
    lines = fonts.wrapped(_EXPLAINED, REGULAR, 7.5, _RIGHT - _LEFT)

    def draw(page: _Page, y: float) -> None:
        for number, line in enumerate(lines):
            page.text(_LEFT, y - 26 - 10 * number, line, 7.5, color=_MUTED)

    return _Block(26.0 + 10 * len(lines), draw)
