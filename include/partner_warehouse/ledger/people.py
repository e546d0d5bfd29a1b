"""Who acts on a period: names as they are logged, and whether two of them are one person's."""

from __future__ import annotations

import unicodedata

from partner_warehouse.errors import BadInputError


def named(user: str) -> str:
    """A name as it is logged.

    Raises:
        BadInputError: Empty, overlong, or not printable.
    """
    name = user.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise BadInputError("user: expected the name of a person, up to 200 printable characters")
    return name


_UNSEEN = frozenset(
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(
        chr(code)
        for first, last in ((0x180B, 0x180F), (0x200B, 0x200F), (0x2060, 0x206F), (0xFE00, 0xFE0F), (0xE0000, 0xE0FFF))
        for code in range(first, last + 1)
    )
)
"""Characters that are drawn as nothing or as a blank, and that Python takes for printable or not for blanks."""


def identity(name: str) -> str:
    """What tells a person apart: spellings that differ in case, blanks or Unicode's forms only are one person's.

    What is not seen tells nobody apart: marks (variation selectors, joiners) and characters that look like a blank.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(sign for sign in folded if not sign.isspace() and sign not in _UNSEEN)
