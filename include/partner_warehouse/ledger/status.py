"""What is published, in a few sentences."""

from __future__ import annotations

from partner_warehouse.errors import BadInputError
from partner_warehouse.ledger.publication import basis, publication, published_columns
from partner_warehouse.settings import Settings


def published_status(settings: Settings) -> list[str]:
    """When the publication was computed for, what was landed, found by the gates, and set aside."""
    try:
        with publication(settings.published_path) as duck:
            origin = basis(duck)
            lines = [f"published: {settings.published_path}"]
            if origin.as_of is not None:
                lines.append(f"computed for: {origin.as_of:%Y-%m-%d %H:%M:%S} UTC")
            if origin.known_at is not None:
                lines.append(f"landed until: {origin.known_at:%Y-%m-%d %H:%M:%S} UTC")
            counts = {
                "landed records": ("loads", "SELECT coalesce(sum(landed), 0) FROM publication.ops.loads"),
                "expectations that failed": (
                    "gate_results",
                    "SELECT count(*) FILTER (NOT success) FROM publication.ops.gate_results",
                ),
            }
            for name, (table, query) in counts.items():
                if published_columns(duck, "ops", table):
                    lines.append(f"{name}: {duck.sql(query).fetchall()[0][0]}")
        return lines + (set_aside(settings) or ["nothing is set aside"])
    except BadInputError as nothing:
        return [str(nothing)]


def set_aside(settings: Settings) -> list[str]:
    """A sentence for each kind of record that does not count until it is mended; none where all of them count.

    Keys and fields only: a value may be personal.

    Raises:
        BadInputError: Nothing was published yet.
    """
    with publication(settings.published_path) as duck:
        if "disposition" not in published_columns(duck, "ops", "quarantine"):
            return []
        found = duck.sql(
            """
            SELECT
                source,
                object,
                count(DISTINCT (load_id, file, line, record_key)),
                min_by((record_key, field), (file, line))
            FROM publication.ops.quarantine
            WHERE disposition = 'set_aside'
            GROUP BY source, object
            ORDER BY source, object
            """
        ).fetchall()
    return [
        f"set aside: {count} of {source} {name}, {_example(*example)}; ops.quarantine says why"
        for source, name, count, example in found
    ]


def _example(key: str | None, field: str | None) -> str:
    """Which record it is. One that could not be read at all has neither a key nor a field."""
    if key is None:
        return "a record without a key" if field is None else f"a record without a key (field {field})"
    return f"as {key}" if field is None else f"as {key} (field {field})"
