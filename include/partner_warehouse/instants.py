"""Instants that a person gives: in a setting, an option, or a parameter of a DAG."""

from __future__ import annotations

from datetime import UTC, datetime

from partner_warehouse.errors import BadInputError


def parse_instant(text: str) -> datetime:
    """An ISO 8601 instant with an offset; the Z of UTC may be a small one.

    Returns:
        The instant in UTC.

    Raises:
        ValueError: Anything else; the message says what is accepted. Whoever calls names what was given.
    """
    try:
        # Python reads no small z.
        instant = datetime.fromisoformat(f"{text[:-1]}Z" if text.endswith("z") else text)
        if instant.tzinfo is None:
            raise ValueError(text)
        return instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{text!r} is no instant of the years 1 to 9999: use ISO 8601 with an offset, as in 2026-04-01T00:00:00Z"
        ) from error


def given_instant(name: str, text: str) -> datetime:
    """The same, of what is given under a name.

    Raises:
        BadInputError: It is no instant; the message begins with the name.
    """
    try:
        return parse_instant(text)
    except ValueError as error:
        raise BadInputError(f"{name}: {error}") from error
