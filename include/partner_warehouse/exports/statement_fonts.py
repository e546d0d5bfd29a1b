"""The statements' fonts, embedded in every PDF: one for Latin, Greek and Cyrillic, others where there are some.

A character that no font has is transliterated, so that nothing is printed as an empty box; the page in HTML shows it
as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]
from reportlab.pdfbase.ttfonts import TTFError, TTFont  # type: ignore[import-untyped]
from text_unidecode import unidecode  # type: ignore[import-untyped]

from partner_warehouse.errors import BadInputError

REGULAR, STRONG = "Statement", "Statement-Strong"
_FILES = {REGULAR: "FiraSans-Regular.ttf", STRONG: "FiraSans-SemiBold.ttf"}

Run = tuple[str, str]
"""A font's name and a text that it can write."""


@cache
def register(further: tuple[Path, ...]) -> tuple[str, ...]:
    """Make the fonts known; once per process.

    Args:
        further: TrueType files for further scripts, in the order that they are tried in.

    Returns:
        The names of the further fonts.

    Raises:
        BadInputError: A file is not a TrueType font.
    """
    for name, file in _FILES.items():
        pdfmetrics.registerFont(TTFont(name, str(files("fontpkg_fira_sans").joinpath("files", file))))
    names = []
    for number, path in enumerate(further):
        try:
            pdfmetrics.registerFont(TTFont(f"Further-{number}", str(path)))
        except (TTFError, OSError) as error:
            raise BadInputError(
                f"PARTNER_WAREHOUSE_STATEMENT_FONTS: {path.name} is not a TrueType font that can be embedded"
            ) from error
        names.append(f"Further-{number}")
    return tuple(names)


class Fonts:
    """Writes texts in whatever fonts have their characters.

    Args:
        further: As for `register`.
    """

    def __init__(self, further: Sequence[Path] = ()) -> None:
        self._further = register(tuple(further))

    @lru_cache(maxsize=4096)  # noqa: B019  one object per process
    def runs(self, text: str, font: str) -> tuple[Run, ...]:
        """A text in pieces, each with a font that has all of its characters."""
        if text.isascii():
            return ((font, text),)
        placed = [self._place(character, font) for character in text]
        return tuple(
            (name, "".join(piece for _, piece in pieces)) for name, pieces in groupby(placed, key=lambda run: run[0])
        )

    def _place(self, character: str, font: str) -> Run:
        for name in (font, *self._further):
            if ord(character) in _glyphs(name):
                return name, character
        return font, unidecode(character) or "?"

    def width(self, text: str, font: str, size: float) -> float:
        """In points."""
        return sum(float(pdfmetrics.stringWidth(piece, name, size)) for name, piece in self.runs(text, font))

    def wrapped(self, text: str, font: str, size: float, width: float) -> list[str]:
        """A text in lines that fit; a word that is longer than a line is broken."""
        if self.width(text, font, size) <= width:
            return [text]
        lines: list[str] = []
        line = ""
        for word in text.split(" "):
            longer = f"{line} {word}" if line else word
            if self.width(longer, font, size) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            line = word
            while self.width(line, font, size) > width:
                fits = next(
                    end for end in range(len(line), 0, -1) if end == 1 or self.width(line[:end], font, size) <= width
                )
                lines.append(line[:fits])
                line = line[fits:]
        return [*lines, line] if line else lines


def _glyphs(name: str) -> Any:
    return pdfmetrics.getFont(name).face.charToGlyph
