"""Texts as banks take them: a few characters of ASCII, nothing that they would refuse a whole file for."""

from __future__ import annotations

import hashlib
import re

from text_unidecode import unidecode  # type: ignore[import-untyped]

_NOT_LATIN = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_SPACES = re.compile(r" {2,}")
_SLASHES = re.compile(r"/{2,}")


def bank_text(text: str, length: int) -> str:
    """A text in the Latin character set of ISO 20022 payments: transliterated, cut, without outer slashes.

    Source: EPC217-08, "SEPA requirements for an extended character set": `a-z A-Z 0-9 / - ? : ( ) . , ' +` and space.

    Args:
        text: Any.
        length: The most characters that the field takes.

    Returns:
        Empty where nothing of the text can be written.
    """
    latin = _SPACES.sub(" ", _NOT_LATIN.sub(" ", unidecode(text)))
    return _SLASHES.sub("/", latin).strip(" /")[:length].strip(" /")


def reference(text: str, length: int = 35) -> str:
    """A reference that banks hand on unchanged: the text itself where it may stand so, else its start and a hash.

    Two texts never share a reference: what had to be changed carries 64 bits of the hash of the whole.
    """
    if len(text) <= length and bank_text(text, length) == text and " " not in text:
        return text
    return hashed(text, length)


def hashed(text: str, length: int) -> str:
    """The start of a text as banks take it, and 64 bits of the hash of the whole."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:16].upper()
    room = length - len(digest) - 1
    start = bank_text(text, room).replace(" ", "-") if room > 0 else ""
    return f"{start}-{digest}" if start else digest[:length]
