"""A value is typed exactly, or refused with a reason; never guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from partner_warehouse.landing.catalog import Field, FieldType
from partner_warehouse.landing.typing import reason, typed


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    session = duckdb.connect()
    session.execute("SET TimeZone = 'America/New_York'")  # nothing may depend on the session's time zone
    return session


def type_of(
    connection: duckdb.DuckDBPyConnection,
    kind: FieldType,
    text: str | None,
    source: str = "files",
    *,
    required: bool = False,
) -> tuple[object, str | None]:
    field = Field("value", kind, required, ("value",))
    value = typed(field, "t", source=source)
    why = reason(field, "t", "v", source=source)
    row = connection.execute(
        f"SELECT v, {why} FROM (SELECT t, {value} AS v FROM (SELECT ?::VARCHAR AS t))", [text]
    ).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("text", " as it is ", " as it is "),
        ("boolean", "true", True),
        ("boolean", "False", False),
        ("boolean", "1", True),
        ("integer", "-42", -42),
        ("integer", "9223372036854775807", 9223372036854775807),
        ("integer", "5.0", 5),
        ("minor_units", "-9999999999999", -9999999999999),
        ("minor_units", "0004200.0", 4200),
        ("decimal", "1234.50", Decimal("1234.5")),
        ("decimal", "-0.005", Decimal("-0.005")),
        ("decimal", ".5", Decimal("0.5")),
        ("decimal", " 7 ", Decimal(7)),
        ("decimal", "1234567890123.123456789012345678", Decimal("1234567890123.123456789012345678")),
        ("decimal", "0.3333333333333333", Decimal("0.3333333333333333")),
        ("decimal", "1.5000000000000000000000", Decimal("1.5")),
        ("decimal", "1e3", Decimal(1000)),
        ("decimal", "1.25E-7", Decimal("0.000000125")),
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("date", "1900-01-01", date(1900, 1, 1)),
        ("epoch", "-2208988800", datetime(1900, 1, 1, tzinfo=UTC)),
        ("epoch", "1767225600", datetime(2026, 1, 1, tzinfo=UTC)),
        ("instant", "1900-01-01T00:00:00Z", datetime(1900, 1, 1, tzinfo=UTC)),
        ("instant", "1900-01-01T00:00:00.000Z", datetime(1900, 1, 1, tzinfo=UTC)),
        ("instant", "1900-01-01T00:00:00+14:00", datetime(1899, 12, 31, 10, tzinfo=UTC)),
        ("instant", "2026-01-01T12:00:00Z", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("instant", "2026-01-01T12:00Z", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("instant", "2026-01-01 12:00:00+02", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("instant", "2026-01-01T12:00:00.123456-03:30", datetime(2026, 1, 1, 15, 30, 0, 123456, tzinfo=UTC)),
        ("instant", "2026-01-01T12:00:00.000+0000", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("instant", "2026-01-01T12:00:00+14:00", datetime(2025, 12, 31, 22, tzinfo=UTC)),
        ("instant", "2026-01-01T12:00:00-1400", datetime(2026, 1, 2, 2, tzinfo=UTC)),
        ("instant", "2026-01-01T12:00+14", datetime(2025, 12, 31, 22, tzinfo=UTC)),
        ("instant", "2026-01-01T12:00:00+13:59", datetime(2025, 12, 31, 22, 1, tzinfo=UTC)),
    ],
)
def test_values_are_typed(connection: duckdb.DuckDBPyConnection, kind: FieldType, text: str, expected: object) -> None:
    assert type_of(connection, kind, text) == (expected, None)


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("boolean", "maybe", "not a boolean"),
        ("integer", "1.5", "not an integer"),
        ("integer", "9223372036854775808", "not an integer"),
        ("integer", "1_000", "not an integer"),
        ("integer", "0x1F", "not an integer"),
        ("minor_units", "10000000000000", "not an amount in whole minor units of at most 13 digits"),
        ("minor_units", "-10000000000000", "not an amount in whole minor units"),
        ("minor_units", "9223372036854775808", "not an amount in whole minor units"),
        ("minor_units", "1.5", "not an amount in whole minor units"),
        ("decimal", "1234,50", "decimal comma"),
        ("decimal", "1,234.50", "decimal comma"),
        ("decimal", "€5", "not a decimal"),
        ("decimal", "NaN", "not a decimal"),
        ("decimal", "inf", "not a decimal"),
        ("decimal", "1 234", "not a decimal"),
        ("decimal", "1_000", "not a decimal"),
        ("decimal", "12345678901234", "more digits than fit"),
        ("decimal", "1e13", "more digits than fit"),
        ("decimal", "0.1234567890123456789", "more digits than fit"),
        ("decimal", "1e-19", "more digits than fit"),
        ("decimal", "1e30", "more digits than fit"),
        ("date", "2026-02-30", "not a date"),
        ("date", "01/02/2026", "not a date"),
        ("date", "2026-1-1", "not a date"),
        ("date", "infinity", "not a date"),
        ("date", "2026-01-01T00:00:00Z", "not a date"),
        ("date", "1899-12-31", "earlier than 1900"),
        ("date", "0001-01-01", "earlier than 1900"),
        ("date", "0000-00-00", "earlier than 1900"),
        ("epoch", "soon", "not Unix seconds"),
        ("epoch", "-2208988801", "earlier than 1900"),
        ("epoch", "-62135596800", "earlier than 1900"),
        ("epoch", "-99999999999999999999", "not Unix seconds"),
        ("instant", "1899-12-31T23:59:59.999Z", "earlier than 1900"),
        ("instant", "1899-12-31T23:59:59-14:00", "earlier than 1900"),
        ("instant", "0001-01-01T00:00:00+01:00", "earlier than 1900"),
        ("instant", " 0001-01-01T00:00:00.000Z", "earlier than 1900"),
        ("instant", "0001-01-01T00:00Z", "earlier than 1900"),
        ("instant", "0000-01-01T00:00:00Z", "earlier than 1900"),
        ("instant", "0001-01-01", "a date where an instant"),
        ("instant", "9999-12-31T23:59:59-14:00", "not an ISO 8601 instant"),
        ("instant", "2026-01-01T12:00:00", "without an offset"),
        ("instant", "2026-01-01", "a date where an instant"),
        ("instant", "2026-02-30T12:00:00Z", "not an ISO 8601 instant"),
        ("instant", "2026-01-01T25:00:00Z", "not an ISO 8601 instant"),
        ("instant", "2026-01-01T12:00:00+25:00", "no such offset"),
        ("instant", "2026-01-01T12:00:00+14:01", "no such offset"),
        ("instant", "2026-01-01T12:00:00-1401", "no such offset"),
        ("instant", "2026-01-01 12:00-15", "no such offset"),
        ("instant", "2026-01-01T12:00:00.123+99:99", "no such offset"),
        ("instant", "2026-01-01T12:00:00+05:60", "no such offset"),
        ("instant", "2026-02-30T12:00:00+02:00", "not an ISO 8601 instant"),
        ("instant", "1767225600000", "not an ISO 8601 instant"),
        ("instant", "now", "not an ISO 8601 instant"),
    ],
)
def test_other_values_are_refused(connection: duckdb.DuckDBPyConnection, kind: FieldType, text: str, why: str) -> None:
    value, given_reason = type_of(connection, kind, text)
    assert value is None
    assert given_reason is not None
    assert given_reason.startswith(why) or why in given_reason


@pytest.mark.parametrize("kind", ["text", "decimal", "instant"])
@pytest.mark.parametrize("text", [None, " ", "   "])
def test_blanks_are_no_required_value(connection: duckdb.DuckDBPyConnection, kind: FieldType, text: str | None) -> None:
    assert type_of(connection, kind, text, required=True) == (None, "required value is missing")


@pytest.mark.parametrize(
    ("field", "text", "expected", "why"),
    [
        (Field("role", "text", True, ("role",), words=("sourced", "followed_up")), " Sourced", " Sourced", None),
        (Field("role", "text", True, ("role",), words=("sourced", "followed_up")), "followed-up", "followed-up", None),
        (Field("role", "text", True, ("role",), words=("sourced",)), "boss", None, "not one of sourced"),
        (Field("role", "text", True, ("role",), words=("sourced",)), None, None, "required value is missing"),
        (Field("kind", "text", False, ("kind",), words=("sourced",)), None, None, None),
        (Field("share", "decimal", False, ("share",), bounds=(0, 1)), "1", Decimal(1), None),
        (Field("share", "decimal", False, ("share",), bounds=(0, 1)), "50", None, "not between 0 and 1"),
        (Field("share", "decimal", False, ("share",), bounds=(0, 1)), "-0.1", None, "not between 0 and 1"),
        (Field("share", "decimal", False, ("share",), bounds=(0, 1)), "0,5", None, "decimal comma"),
        (Field("share", "decimal", False, ("share",), bounds=(0, 1)), None, None, None),
        (Field("partner_id", "text", True, ("partner_id",), reserved=("nobody",)), "P1", "P1", None),
        (Field("partner_id", "text", True, ("partner_id",), reserved=("nobody",)), " nobody ", None, "nobody"),
        (Field("partner_id", "text", True, ("partner_id",), reserved=("nobody",)), None, None, "required value"),
        (Field("partner_id", "text", False, ("partner_id",), reserved=("nobody",)), None, None, None),
    ],
)
def test_limits_of_a_field_are_kept(
    connection: duckdb.DuckDBPyConnection, field: Field, text: str | None, expected: object, why: str | None
) -> None:
    value = typed(field, "t", source="files")
    refusal = reason(field, "t", "v", source="files")
    row = connection.execute(
        f"SELECT v, {refusal} FROM (SELECT t, {value} AS v FROM (SELECT ?::VARCHAR AS t))", [text]
    ).fetchone()
    assert row is not None
    assert row[0] == expected
    assert (row[1] or "").startswith(why or "")
    assert (row[1] is None) == (why is None)


def test_the_last_instant_of_the_calendar_is_taken_and_what_follows_is_refused(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Records say "never" with the end of the year 9999."""
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert type_of(connection, "epoch", "253402300799", "stripe") == (last, None)
    assert type_of(connection, "instant", "9999-12-31T23:59:59Z") == (last, None)
    assert type_of(connection, "instant", "9999-12-31T23:59:59.000Z") == (last, None)
    assert type_of(connection, "instant", "253402300799000", "hubspot") == (last, None)
    assert type_of(connection, "epoch", "253402300800", "stripe") == (None, "not Unix seconds")
    assert type_of(connection, "instant", "253402300800000", "hubspot")[0] is None


def test_an_api_may_send_milliseconds(connection: duckdb.DuckDBPyConnection) -> None:
    assert type_of(connection, "instant", "1767225600123", "hubspot") == (
        datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC),
        None,
    )


def test_only_required_values_may_not_be_absent(connection: duckdb.DuckDBPyConnection) -> None:
    assert type_of(connection, "decimal", None) == (None, None)
    assert type_of(connection, "decimal", None, required=True) == (None, "required value is missing")


SESSION = duckdb.connect()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*range(4), 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 20, 21, 22]), st.characters(codec="utf-8")
        ),
        max_size=3,
    )
    | st.lists(st.tuples(st.integers(0, 23), st.sampled_from("0123456789 +-.:TZz/")), max_size=3)
)
@example([(11, "\r")])
@example([(20, "\t")])
def test_an_instant_in_the_usual_form_is_held_to_the_same_rules(changes: list[tuple[int, str]]) -> None:
    """The form that is told without the patterns takes nothing that they refuse, and refuses nothing that they take."""
    text = list("2026-01-01T12:30:45.678Z")
    for place, character in changes:
        text[place] = character
    usual = "".join(text)
    # In front of a blank the patterns decide: a value is trimmed before they see it.
    assert type_of(SESSION, "instant", usual)[0] == type_of(SESSION, "instant", f" {usual}")[0]


@settings(max_examples=100, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**13) + 1, max_value=10**13 - 1, places=18))
def test_every_decimal_that_fits_comes_back_exactly(number: Decimal) -> None:
    assert type_of(SESSION, "decimal", format(number, "f")) == (number, None)
