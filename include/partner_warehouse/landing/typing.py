"""How a value that arrived as text becomes a value of its declared type, and why it cannot.

Every rule is an SQL expression over the value's text (VARCHAR, NULL when absent or empty), so that a load of millions
of records is typed in one pass. A value is either typed exactly or refused with a reason that names what was expected;
it is never guessed, rounded or cut.
"""

from __future__ import annotations

from partner_warehouse.landing.catalog import Field, FieldType

MISSING = "required value is missing"

_ANY_TEXT = ("text", "json")

INTEGER_DIGITS, FRACTION_DIGITS = 13, 18
"""What a decimal may have before and after its point. The landed DECIMAL(38, 18) would hold more before it; the
warehouse's money, DECIMAL(18, 3), holds a hundred of the largest together, so that an invoice of several lines with
their tax stays money. A larger amount would stop every build."""

_LEDGER_DIGITS = 15

_OFFSET = r"(?:Z|z|[+-](?:(?:0\d|1[0-3])(?::?[0-5]\d)?|14(?::?00)?))"
_ANY_OFFSET = r"[+-]\d{2}(?::?\d{2})?"
_AFTER_YEAR = r"-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?"
_CLOCK = rf"\d{{4}}{_AFTER_YEAR}"
_INSTANT = rf"{_CLOCK}{_OFFSET}"
_IN_A_YEAR_BEFORE_THE_LAST = rf"(?:19\d\d|[2-8]\d{{3}}|9[0-8]\d\d|99[0-8]\d|999[0-8]){_AFTER_YEAR}{_OFFSET}"
_IN_THE_LAST_YEAR = rf"9999{_AFTER_YEAR}{_OFFSET}"
_MINUTES_ONLY = r"^(.{16})(Z|z|[+-])"
_USUAL_INSTANT = "____-__-__T__:__:__.___Z"
_EPOCH_MILLIS = r"\d{11,15}"
_EPOCH_SECONDS = r"-?\d{1,12}"
_LAST_SECOND = 253402300799
"""9999-12-31T23:59:59Z, which stands for "never" in records that exist. Beyond it no tool reads an instant."""
_FIRST_YEAR = "1900"
"""In the instant's own offset. What is earlier stands for "none" where a program has no empty value (0001-01-01), and
may be before the first year in another time zone, where no model and no tool counts days."""
_FIRST_SECOND = -2208988800
_TOO_EARLY = f"earlier than {_FIRST_YEAR}: leave the value out where there is none"
_INTEGER = r"[+-]?\d{1,19}(?:\.0*)?"
# As large as any amount, in a currency without decimals too.
_MINOR_UNITS = rf"[+-]?0*\d{{1,{INTEGER_DIGITS}}}(?:\.0*)?"
_DATE = r"\d{4}-\d{2}-\d{2}"


def _plain_decimal(digits: int) -> str:
    return rf"[+-]?(?:0*\d{{1,{digits}}}(?:\.\d{{0,{FRACTION_DIGITS}}}0*)?|\.\d{{1,{FRACTION_DIGITS}}}0*)"


_SCIENTIFIC = r"[+-]?\d+(?:\.\d*)?[eE][+-]?\d{1,3}"
_ANY_DECIMAL = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"


def quote(text: str) -> str:
    """An SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted SQL name."""
    return '"' + name.replace('"', '""') + '"'


def typed(field: Field, text: str, *, source: str) -> str:
    """The typed value, or NULL where the text is no value of the type.

    Args:
        field: The declared field.
        text: SQL of the value's text.
        source: The source; only an API's instants may be epoch milliseconds.
    """
    value = _TYPED[field.type](text, source)
    if field.words:
        word = f"lower(regexp_replace(trim({text}), '[ -]+', '_', 'g'))"
        return f"CASE WHEN {word} IN ({', '.join(map(quote, field.words))}) THEN {value} END"
    if field.bounds:
        return f"CASE WHEN {value} BETWEEN {field.bounds[0]} AND {field.bounds[1]} THEN {value} END"
    if field.reserved:
        value = f"CASE WHEN lower(trim({text})) NOT IN ({', '.join(map(quote, field.reserved))}) THEN {value} END"
    if field.required and field.type in _ANY_TEXT:
        # The models take a text of blanks for none.
        return f"CASE WHEN trim({text}) <> '' THEN {value} END"
    return value


def is_any_text(field: Field) -> bool:
    """Whether every text is a value of this field, so that none can be refused where it is not required."""
    return field.type in _ANY_TEXT and not field.words and not field.reserved


def reason(field: Field, text: str, value: str, *, source: str) -> str:
    """Why the value is refused, or NULL where it is fine.

    Args:
        field: The declared field.
        text: SQL of the value's text.
        value: SQL of the typed value.
        source: The source.
    """
    is_blank = f"coalesce(trim({text}), '') = ''"
    missing = f"WHEN {is_blank} THEN {quote(MISSING)} " if field.required else f"WHEN {text} IS NULL THEN NULL "
    why = _WHY[field.type]
    if field.words:
        why = f"ELSE {quote('not one of ' + ', '.join(field.words))}"
    if field.bounds:
        outside = quote(f"not between {field.bounds[0]} and {field.bounds[1]}")
        why = f"WHEN {_TYPED[field.type](text, source)} IS NOT NULL THEN {outside} {why}"
    if field.reserved:
        kept = quote(f"{', '.join(field.reserved)} are what the reports call things without one; use another id")
        why = f"WHEN {_TYPED[field.type](text, source)} IS NOT NULL THEN {kept} {why}"
    return f"CASE {missing}WHEN {value} IS NOT NULL THEN NULL {why} END".replace("{text}", text)


def _matches(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {quote(pattern)})"


def _text(text: str, source: str) -> str:
    return text


def _boolean(text: str, source: str) -> str:
    return (
        f"CASE lower(trim({text})) WHEN 'true' THEN true WHEN 't' THEN true WHEN '1' THEN true "
        "WHEN 'false' THEN false WHEN 'f' THEN false WHEN '0' THEN false END"
    )


def _integer(text: str, source: str) -> str:
    return f"CASE WHEN {_matches(f'trim({text})', _INTEGER)} THEN TRY_CAST(trim({text}) AS BIGINT) END"


def _minor_units(text: str, source: str) -> str:
    return f"CASE WHEN {_matches(f'trim({text})', _MINOR_UNITS)} THEN TRY_CAST(trim({text}) AS BIGINT) END"


def _digits(source: str) -> int:
    """What the ledger posts are sums of amounts, and as large as its money is."""
    return _LEDGER_DIGITS if source == "ledger" else INTEGER_DIGITS


def _decimal(text: str, source: str) -> str:
    number, digits = f"trim({text})", _digits(source)
    within = f"TRY_CAST({number} AS DECIMAL({digits + FRACTION_DIGITS}, {FRACTION_DIGITS}))"
    cast = f"CAST({within} AS DECIMAL(38, {FRACTION_DIGITS}))"
    # A scientific number is exact when its mantissa's digits after the point, less the exponent, still fit.
    fraction = f"length(rtrim(regexp_extract({number}, '\\.(\\d*)', 1), '0'))"
    exponent = f"CAST(regexp_extract({number}, '[eE]([+-]?\\d+)$', 1) AS INTEGER)"
    return (
        f"CASE WHEN {_matches(number, _plain_decimal(digits))} THEN {cast} "
        f"WHEN {_matches(number, _SCIENTIFIC)} THEN "
        f"CASE WHEN {fraction} - {exponent} <= {FRACTION_DIGITS} THEN {cast} END END"
    )


def _instant(text: str, source: str) -> str:
    moment = f"trim({text})"
    # DuckDB wants seconds, ISO 8601 does not.
    with_seconds = rf"regexp_replace({moment}, {quote(_MINUTES_ONLY)}, '\1:00\2')"
    full = f"CASE WHEN substr({moment}, 17, 1) = ':' THEN {moment} ELSE {with_seconds} END"
    cast, last = f"TRY_CAST({full} AS TIMESTAMPTZ)", f"make_timestamptz({_LAST_SECOND}999999)"
    iso = (
        f"WHEN {_matches(moment, _IN_A_YEAR_BEFORE_THE_LAST)} THEN {cast} "
        # On its last day an offset leads out of the calendar.
        f"WHEN {_matches(moment, _IN_THE_LAST_YEAR)} THEN CASE WHEN {cast} <= {last} THEN {cast} END "
    )
    millis = (
        ""
        if source == "files"
        else f"WHEN {_matches(moment, _EPOCH_MILLIS)} AND TRY_CAST({moment} AS BIGINT) <= {_LAST_SECOND}999 "
        f"THEN make_timestamptz(CAST({moment} AS BIGINT) * 1000) "
    )
    # Nearly all instants are written this way, which a comparison tells at a tenth of the cost of the patterns above.
    # The cast refuses all that has this form and is none of theirs, but for white space before the hour, and a sign or
    # white space before the year, which sort before the digits.
    hour = " OR ".join(f"contains({text}, 'T{digit}')" for digit in (0, 1, 2))
    usual = f"{text} LIKE {quote(_USUAL_INSTANT)} AND {text} >= '{_FIRST_YEAR}' AND ({hour})"
    return f"CASE WHEN {usual} THEN TRY_CAST({text} AS TIMESTAMPTZ) {iso}{millis}END"


def _date(text: str, source: str) -> str:
    day = f"trim({text})"
    return f"CASE WHEN {_matches(day, _DATE)} AND {day} >= '{_FIRST_YEAR}' THEN TRY_CAST({day} AS DATE) END"


def _epoch(text: str, source: str) -> str:
    seconds = f"TRY_CAST(trim({text}) AS BIGINT)"
    return (
        f"CASE WHEN {_matches(f'trim({text})', _EPOCH_SECONDS)} "
        f"AND {seconds} BETWEEN {_FIRST_SECOND} AND {_LAST_SECOND} THEN make_timestamptz({seconds} * 1000000) END"
    )


_TYPED = {
    "text": _text,
    "json": _text,
    "boolean": _boolean,
    "integer": _integer,
    "minor_units": _minor_units,
    "decimal": _decimal,
    "instant": _instant,
    "date": _date,
    "epoch": _epoch,
}

_WHY: dict[FieldType, str] = {
    "text": "",
    "json": "",
    "boolean": "ELSE 'not a boolean: expected true or false'",
    "integer": "ELSE 'not an integer that fits in 64 bits'",
    "minor_units": f"ELSE 'not an amount in whole minor units of at most {INTEGER_DIGITS} digits'",
    "decimal": (
        f"WHEN {_matches('trim({text})', _ANY_DECIMAL)} THEN 'more digits than fit: "
        f"at most {INTEGER_DIGITS} before and {FRACTION_DIGITS} after the point' "
        "WHEN contains({text}, ',') THEN 'decimal comma or thousands separator: write 1234.50' "
        "ELSE 'not a decimal number: write 1234.50'"
    ),
    "instant": (
        f"WHEN {_matches('trim({text})', f'{_CLOCK}{_ANY_OFFSET}')} AND "
        f"NOT {_matches('trim({text})', _INSTANT)} THEN 'no such offset: write one from -14:00 to +14:00' "
        f"WHEN {_matches('trim({text})', _CLOCK)} THEN 'instant without an offset: write 2026-04-01T12:00:00Z' "
        f"WHEN {_matches('trim({text})', _DATE)} "
        "THEN 'a date where an instant is expected: write 2026-04-01T12:00:00Z' "
        f"WHEN {_matches('trim({text})', _INSTANT)} AND trim({{text}}) < '{_FIRST_YEAR}' THEN {quote(_TOO_EARLY)} "
        "ELSE 'not an ISO 8601 instant: write 2026-04-01T12:00:00Z'"
    ),
    "date": (
        f"WHEN {_matches('trim({text})', _DATE)} AND trim({{text}}) < '{_FIRST_YEAR}' THEN {quote(_TOO_EARLY)} "
        "ELSE 'not a date: write YYYY-MM-DD'"
    ),
    "epoch": (
        f"WHEN TRY_CAST(trim({{text}}) AS BIGINT) < {_FIRST_SECOND} THEN {quote(_TOO_EARLY)} ELSE 'not Unix seconds'"
    ),
}
