"""Takes a page of JSON apart without touching its records: they are landed as they were received, to the digit."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n]*")
# Escapes one by one, so that the backslash of `\\ud83d` is not taken for the start of one.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_LINE_BREAKS = str.maketrans("\r\n", "  ")


def parse(text: str | bytes) -> Any:
    """The value of a JSON text.

    Half of a pair of surrogates, which is what is left of an emoji that a source has cut, is no reason to refuse it.

    Raises:
        ValueError: It is no JSON, or not UTF-8.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text.decode() if isinstance(text, bytes) else text)


def _skip(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def members(text: str) -> dict[str, str]:
    """The members of a JSON object, each as its own text.

    Raises:
        ValueError: The text is no JSON object.
    """
    found: dict[str, str] = {}
    position = _skip(text, 0)
    if text[position : position + 1] != "{":
        raise ValueError("not a JSON object")
    position = _skip(text, position + 1)
    while text[position : position + 1] != "}":
        name, position = _DECODER.raw_decode(text, position)
        position = _skip(text, position)
        if text[position : position + 1] != ":":
            raise ValueError("not a JSON object")
        start = _skip(text, position + 1)
        _, end = _DECODER.raw_decode(text, start)
        found[name] = text[start:end]
        position = _after(text, end, "}")
    return found


def elements(text: str) -> list[str]:
    """The elements of a JSON array, each as its own text.

    Raises:
        ValueError: The text is no JSON array.
    """
    found: list[str] = []
    position = _skip(text, 0)
    if text[position : position + 1] != "[":
        raise ValueError("not a JSON array")
    position = _skip(text, position + 1)
    while text[position : position + 1] != "]":
        _, end = _DECODER.raw_decode(text, position)
        found.append(text[position:end])
        position = _after(text, end, "]")
    return found


def _after(text: str, position: int, closing: str) -> int:
    """Where the next part starts, or the closing bracket lies."""
    position = _skip(text, position)
    if text[position : position + 1] == ",":
        return _skip(text, position + 1)
    if text[position : position + 1] != closing:
        raise ValueError("not valid JSON")
    return position


def whole_characters(text: str) -> str:
    """The same JSON text with U+FFFD for each half of a pair of surrogates, which no reader of the landing takes."""
    if "\\ud" not in text and "\\uD" not in text:
        return text
    return _ESCAPE.sub(lambda found: found[0] if found["half"] is None else "\\ufffd", text)


def one_line(text: str) -> str:
    """The same JSON text on one line; inside a string a line break is always escaped."""
    return text.translate(_LINE_BREAKS)
