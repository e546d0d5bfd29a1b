"""A declared field in a record's JSON, as SQL: where it is, and the text of its number as it was written.

A JSON number is read as a binary one, which is not always the number that was written; what is landed is.
"""

from __future__ import annotations

import re
from typing import Any

from partner_warehouse.landing.catalog import Field, ObjectSchema
from partner_warehouse.landing.typing import identifier, quote

_POINTED = r"-?(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)"
_EXACT_BELOW = 2**53
"""Below this a binary number is the whole number that was put into it; above, perhaps a neighbour."""
NO_WHOLE_NUMBER = "no whole number, or too large for one with a point: write ids as text or as integers"
"""Why an id is refused that `is_pointed`."""
NESTED = "an object or a list where an id is expected: write ids as text or as integers"
"""Why an id is refused that `is_nested`."""


def shape_of(schema: ObjectSchema) -> dict[str, Any]:
    """The declared part of a record, for `json_transform`: everything as text, nested values that are kept as JSON."""
    shape: dict[str, Any] = {}
    whole = {field.path for field in schema.fields}
    for declared in sorted(schema.fields, key=lambda field: len(field.path)):
        if any(declared.path[:depth] in whole for depth in range(1, len(declared.path))):
            continue
        level = shape
        for part in declared.path[:-1]:
            level = level.setdefault(part, {})
        level[declared.path[-1]] = "JSON" if declared.type == "json" else "VARCHAR"
    return shape


def sql_type(shape: Any) -> str:
    """The SQL type of a shape, or of a part of one."""
    if isinstance(shape, str):
        return shape
    return f"STRUCT({', '.join(f'{identifier(name)} {sql_type(part)}' for name, part in shape.items())})"


def json_path(path: tuple[str, ...]) -> str:
    """Where a field is, as DuckDB's JSON functions name it."""
    return "$" + "".join(f'."{part}"' for part in path)


def exact_number(declared: Field, text: str) -> str:
    """The text of a JSON number as it was written, where reading it as a binary number could have changed it.

    Up to 15 digits survive that way; with more, the digits are taken from the record's own text: the one number under
    this name that is the same binary number. Where there is none the text is void, and so refused.

    Args:
        declared: The declared field.
        text: SQL of the value as extracted from `_raw`.
    """
    pattern = rf'(?:^|[^\\])"{re.escape(declared.path[-1])}"\s*:\s*(-?[0-9][0-9.eE+-]*)'
    written = f"regexp_extract_all(_raw, {quote(pattern)}, 1)"
    same = f"list_filter({written}, lambda number: TRY_CAST(number AS DOUBLE) = TRY_CAST({text} AS DOUBLE))"
    is_number = f"json_type(_raw, {quote(json_path(declared.path))}) IN ('DOUBLE', 'UBIGINT', 'BIGINT')"
    return (
        f"CASE WHEN {text} IS NOT NULL AND regexp_matches(_raw, '[0-9][0-9.]{{15}}') THEN "
        f"CASE WHEN {is_number} THEN coalesce(({same})[1], 'inexact') ELSE {text} END ELSE {text} END"
    )


def is_pointed(declared: Field, text: str) -> str:
    """SQL of whether an id is a JSON number with a point or an exponent, as programs write ids held as floats.

    Without the record, a text that looks like one is taken for it: where records are not kept, the load is read again
    then.

    Args:
        declared: The declared field.
        text: SQL of its text.
    """
    # Nearly all ids are told by comparisons; a text that looks like a number is one that only the record tells.
    might_be = f"{text} < ':' AND (contains({text}, '.') OR contains({text}, 'e') OR contains({text}, 'E'))"
    is_number = f"_raw IS NULL OR json_type(_raw, {quote(json_path(declared.path))}) = 'DOUBLE'"
    return (
        f"coalesce(CASE WHEN {might_be} THEN CASE WHEN regexp_full_match({text}, {quote(_POINTED)}) "
        f"THEN {is_number} END END, false)"
    )


def is_nested(declared: Field, text: str) -> str:
    """SQL of whether an id is a JSON object or list, and no text that looks like one.

    Without the record, one that looks like it is taken for it: where records are not kept, the load is read again then.

    Args:
        declared: The declared field.
        text: SQL of its text.
    """
    is_container = f"_raw IS NULL OR json_type(_raw, {quote(json_path(declared.path))}) IN ('OBJECT', 'ARRAY')"
    might_be = f"starts_with({text}, '{{') OR starts_with({text}, '[')"
    return f"coalesce(CASE WHEN {might_be} THEN {is_container} END, false)"


def whole_number(declared: Field, text: str) -> str:
    """The text of an id, of a JSON number with a point its whole number, where there is one: 88001, not 88001.0.

    Args:
        declared: The declared field.
        text: SQL of the value as extracted from `_raw`.
    """
    number = f"TRY_CAST({text} AS DOUBLE)"
    is_whole = f"{number} = trunc({number}) AND abs({number}) < {_EXACT_BELOW}"
    whole = f"CASE WHEN {is_whole} THEN CAST(CAST({number} AS BIGINT) AS VARCHAR) ELSE {text} END"
    return f"CASE WHEN _raw IS NOT NULL AND {is_pointed(declared, text)} THEN {whole} ELSE {text} END"
