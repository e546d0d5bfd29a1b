"""Column types that hold money, days and instants exactly, the same on SQLite and on PostgreSQL.

SQLite knows only INTEGER, REAL and TEXT. REAL never holds an amount here: an `Exact` column of at most 18 digits is an
integer count of its smallest unit there, a wider one is text. In PostgreSQL it is NUMERIC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, DateTime, Integer, Numeric, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

INT64_DIGITS = 18
"""Digits that every whole number of 64 bits has room for."""


class Exact(TypeDecorator[Decimal]):
    """A decimal number that is never rounded on its way in or out.

    Args:
        precision: Digits in all.
        scale: Digits after the point.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int, scale: int) -> None:
        super().__init__(precision, scale)
        self.precision = precision
        self.scale = scale

    @property
    def scaled(self) -> bool:
        """Whether SQLite holds it as an integer of its smallest unit (else as text)."""
        return self.precision <= INT64_DIGITS

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """INTEGER or TEXT in SQLite, NUMERIC elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Integer() if self.scaled else Text())
        return dialect.type_descriptor(Numeric(self.precision, self.scale))

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> Any:
        """Refuse floats and anything that would have to be rounded.

        Raises:
            TypeError: Not a Decimal or an int.
            ValueError: More decimals than the column has.
        """
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, Decimal | int):
            raise TypeError(f"an exact amount is a Decimal, not {type(value).__name__}")
        exact = Decimal(value)
        fixed = exact.quantize(Decimal(1).scaleb(-self.scale))
        if fixed != exact:
            raise ValueError(f"the amount has more than {self.scale} decimals")
        if dialect.name != "sqlite":
            return fixed
        return int(fixed.scaleb(self.scale)) if self.scaled else f"{fixed:f}"

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Back to a Decimal with the column's scale."""
        if value is None:
            return None
        if dialect.name == "sqlite" and self.scaled:
            return Decimal(value).scaleb(-self.scale)
        return Decimal(value)


class Day(TypeDecorator[date]):
    """A calendar day; `YYYY-MM-DD` in SQLite."""

    impl = Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TEXT in SQLite, DATE elsewhere."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Date())

    def process_bind_param(self, value: date | None, dialect: Dialect) -> Any:
        """ISO 8601 in SQLite."""
        return value.isoformat() if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> date | None:
        """Back to a date."""
        return date.fromisoformat(value) if isinstance(value, str) else value


class Instant(TypeDecorator[datetime]):
    """An instant in UTC, to the microsecond; ISO 8601 text of fixed width in SQLite."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TEXT in SQLite, TIMESTAMPTZ elsewhere."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """UTC.

        Raises:
            ValueError: The instant has no offset.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs an offset")
        utc = value.astimezone(UTC)
        return iso_instant(utc) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Back to an instant in UTC."""
        if value is None:
            return None
        instant = datetime.fromisoformat(value) if isinstance(value, str) else value
        return instant.astimezone(UTC)


def iso_instant(instant: datetime) -> str:
    """`2026-04-01T09:00:00.000000Z`: one text per instant, so that it sorts and hashes."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def money() -> Exact:
    """Major units; three decimals hold every currency's minor unit."""
    return Exact(18, 3)


def fraction() -> Exact:
    """A rate, a share: a part of one."""
    return Exact(18, 12)


def exact() -> Exact:
    """An FX rate, or an amount before it is rounded."""
    return Exact(28, 10)
