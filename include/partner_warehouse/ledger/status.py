"""What is published, in a few sentences."""

from __future__ import annotations

from partner_warehouse.errors import BadInputError
from partner_warehouse.ledger.drafting import basis, publication, published_columns
from partner_warehouse.settings import Settings


def published_status(settings: Settings) -> list[str]:
    """When the publication was computed for, what was landed, set aside, and found by the gates."""
    try:
        with publication(settings.published_path) as duck:
            origin = basis(duck)
            lines = [f"published: {settings.published_path}"]
            if origin.as_of is not None:
                lines.append(f"computed for: {origin.as_of:%Y-%m-%d %H:%M:%S} UTC")
            if origin.known_at is not None:
                lines.append(f"newest load: {origin.known_at:%Y-%m-%d %H:%M:%S} UTC")
            counts = {
                "landed records": ("loads", "SELECT coalesce(sum(landed), 0) FROM publication.ops.loads"),
                "quarantined records": ("loads", "SELECT coalesce(sum(quarantined), 0) FROM publication.ops.loads"),
                "expectations that failed": (
                    "gate_results",
                    "SELECT count(*) FILTER (NOT success) FROM publication.ops.gate_results",
                ),
            }
            for name, (table, query) in counts.items():
                if published_columns(duck, "ops", table):
                    lines.append(f"{name}: {duck.sql(query).fetchall()[0][0]}")
            return lines
    except BadInputError as nothing:
        return [str(nothing)]
