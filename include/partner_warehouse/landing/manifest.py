"""What a load says of itself: `manifest.json`, and the loads of an object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from partner_warehouse.errors import PartnerWarehouseError
from partner_warehouse.landing.layout import SCHEMA_LOAD, object_dir
from partner_warehouse.landing.typing import quote

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file or batch of pages that a load was made of.

    Attributes:
        name: The file's name below the inbox, or the name of what was fetched.
        sha256: Of the bytes as received; for pages, of the spool.
        bytes: Size of those bytes.
        records: Records in it.
    """

    name: str
    sha256: str
    bytes: int
    records: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One load. `received` = `landed` + `quarantined` + `duplicates`, in records.

    Attributes:
        loaded_at: ISO 8601, UTC.
        cursor_from: Where the extraction started, in the source's own notation; None for everything.
        cursor_to: Where the next one starts.
        undeclared: Fields that the catalog does not have, with the number of records that had them.
        bytes: Size of the landed files.
        missing: Declared fields that the source does not have, or may not show.
        warnings: What a person should look at.
        keeps_files: Whether the load keeps the received files themselves.
    """

    load_id: str
    source: str
    object: str
    loaded_at: str
    received: int
    landed: int
    quarantined: int
    duplicates: int
    cursor_from: str | None
    cursor_to: str | None
    files: tuple[ManifestFile, ...]
    undeclared: dict[str, int]
    bytes: int
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    keeps_files: bool = False

    def to_json(self) -> str:
        """The document that is written."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a load's manifest.

        Raises:
            PartnerWarehouseError: It is not a manifest; the message names the file.
        """
        try:
            document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            files = tuple(ManifestFile(**entry) for entry in document.pop("files"))
            # Loads of before these were noted do not have them.
            missing, warnings = tuple(document.pop("missing", ())), tuple(document.pop("warnings", ()))
            return cls(**document, files=files, missing=missing, warnings=warnings)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise PartnerWarehouseError(f"{path}: not a manifest of a load: {type(error).__name__}") from error


def load_ids(landing: Path, source: str, object_name: str) -> tuple[str, ...]:
    """The visible loads of an object, oldest first, without the empty one."""
    directory = object_dir(landing, source, object_name)
    if not directory.exists():
        return ()
    return tuple(sorted(entry.name for entry in directory.iterdir() if entry.name != SCHEMA_LOAD and entry.is_dir()))


def manifests(landing: Path, source: str, object_name: str) -> Iterator[Manifest]:
    """The manifests of an object's loads, newest first."""
    directory = object_dir(landing, source, object_name)
    for load_id in reversed(load_ids(landing, source, object_name)):
        yield Manifest.read(directory / load_id / MANIFEST)


PLACE = "_row - places.before + coalesce(moves.moved, 0)"
"""What `join_places` lets a query say: the line on which a record begins, from 1, below the header of what has one."""


def join_places(files: Iterable[tuple[str, int]], moves: str) -> str:
    """What the records of a load (`_file`, `_row`) are joined with, so that `PLACE` says where they are in their files.

    Args:
        files: Name of each file of the load, in its order, and how many of the load's `_row` numbers are its own.
        moves: SQL of a relation (file, record, moved): from a record on, how far records lie below their numbers.
    """
    entries, before = [], 0
    for name, records in files:
        entries.append(f"({quote(name)}, {before})")
        before += records
    return (
        f"(VALUES {', '.join(entries)}) AS places (name, before) ON _file = places.name "
        f"ASOF LEFT JOIN {moves} AS moves ON places.name = moves.file AND _row - places.before >= moves.record"
    )


NO_MOVES = "(SELECT NULL::VARCHAR AS file, NULL::BIGINT AS record, NULL::BIGINT AS moved LIMIT 0)"
"""Where each record lies where its number puts it."""


def lines_of(load: Path, records: Sequence[tuple[str, int]]) -> list[int]:
    """The lines of their files on which landed records begin, from 1; of what has no lines, their numbers.

    Args:
        load: The load's directory.
        records: Each record's `_file` and `_row`.

    Raises:
        PartnerWarehouseError: The load's manifest cannot be read.
    """
    files = [(entry.name, entry.records) for entry in Manifest.read(load / MANIFEST).files]
    kept = load / "lines.parquet"
    moves = f"read_parquet({quote(str(kept))})" if kept.exists() else NO_MOVES
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"""
            SELECT {PLACE} + CASE WHEN ends_with(lower(_file), '.csv') THEN 1 ELSE 0 END
            FROM (SELECT unnest(?::VARCHAR[]) AS _file, unnest(?::BIGINT[]) AS _row, unnest(range(?)) AS asked)
            JOIN {join_places(files, moves)}
            ORDER BY asked""",  # noqa: S608
            [[file for file, _ in records], [row for _, row in records], len(records)],
        ).fetchall()
    return [line for (line,) in rows]
