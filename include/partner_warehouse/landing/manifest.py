"""What a load says of itself: `manifest.json`, and the loads of an object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from partner_warehouse.errors import PartnerWarehouseError
from partner_warehouse.landing.layout import SCHEMA_LOAD, object_dir

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


def line_of(load: Path, file: str, row: int) -> int:
    """The line of a file on which a landed record begins, from 1; of what has no lines, its number.

    Args:
        load: The load's directory.
        file: The record's `_file`.
        row: Its `_row`.
    """
    records = {entry.name: entry.records for entry in Manifest.read(load / MANIFEST).files}
    names = list(records)
    record = row - sum(records[name] for name in names[: names.index(file)])
    moved = 0
    if (lines := load / "lines.parquet").exists():
        found = duckdb.execute(
            "SELECT coalesce(max(moved), 0) FROM read_parquet(?) WHERE file = ? AND record <= ?",
            [str(lines), file, record],
        ).fetchone()
        moved = found[0] if found else 0
    return record + moved + file.lower().endswith(".csv")
