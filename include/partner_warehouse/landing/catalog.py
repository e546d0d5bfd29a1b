"""What each source delivers: objects, their fields and types, as declared in `catalog/<source>.yml`.

A field is written `name: type[!] [path]`: `!` marks a value that every record must have; `path` says where it lies in
the record as received, when that is not its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from partner_warehouse.errors import BadInputError

CATALOG = Path(__file__).parent / "catalog"

FieldType = Literal["text", "boolean", "integer", "decimal", "instant", "date", "epoch", "json"]

SQL_TYPES: dict[FieldType, str] = {
    "text": "VARCHAR",
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "decimal": "DECIMAL(38, 18)",
    "instant": "TIMESTAMPTZ",
    "date": "DATE",
    "epoch": "TIMESTAMPTZ",
    "json": "VARCHAR",
}
"""How a declared type is landed. `epoch` is received as Unix seconds; `json` keeps a nested value as text."""

META_COLUMNS: dict[str, str] = {
    "_load_id": "VARCHAR",
    "_loaded_at": "TIMESTAMPTZ",
    "_file": "VARCHAR",
    "_row": "BIGINT",
    "_raw": "VARCHAR",
}
"""What landing adds to each record: the load and its instant (UTC), the file or page it came in, its position in the
load from 1, and the record as received (JSON text)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field of an object.

    Attributes:
        words: The closed list that a text is one of, in any case, blanks and hyphens as underscores; empty: any text.
        bounds: The least and the greatest number that it may be, both included.
    """

    name: str
    type: FieldType
    required: bool
    path: tuple[str, ...]
    words: tuple[str, ...] = ()
    bounds: tuple[int, int] | None = None

    @property
    def sql_type(self) -> str:
        """The type of its landed column."""
        return SQL_TYPES[self.type]


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """One object of a source; the first field is its key.

    Attributes:
        envelope: Paths that every record of the source has and that say nothing: not reported as undeclared.
    """

    source: str
    name: str
    fields: tuple[Field, ...]
    envelope: frozenset[tuple[str, ...]] = frozenset()

    @property
    def key(self) -> str:
        """The name of the key field."""
        return self.fields[0].name

    @property
    def columns(self) -> dict[str, str]:
        """Landed columns and their types, declared ones first."""
        return {field.name: field.sql_type for field in self.fields} | META_COLUMNS


@dataclass(frozen=True, slots=True)
class SourceCatalog:
    """All objects of one source."""

    source: str
    cursor: str
    objects: dict[str, ObjectSchema]


def _field(source: str, object_name: str, name: str, declaration: str, limit: dict[str, list[Any]]) -> Field:
    kind, _, path = declaration.partition(" ")
    required = kind.endswith("!")
    kind = kind.removesuffix("!")
    if kind not in get_args(FieldType):
        raise BadInputError(
            f"catalog {source}.yml, object {object_name}, field {name}: unknown type {kind!r}; "
            f"use one of {', '.join(get_args(FieldType))}"
        )
    return Field(
        name,
        kind,  # type: ignore[arg-type]
        required,
        tuple((path.strip() or name).split(".")),
        tuple(limit.get("one_of", ())),
        (limit["between"][0], limit["between"][1]) if "between" in limit else None,
    )


FILE_COMMON = {"updated_at": "instant", "is_deleted": "boolean"}
"""Every object of the file drop takes these."""


@cache
def load_catalog(source: str) -> SourceCatalog:
    """Read a source's declaration.

    Raises:
        BadInputError: No such source, a field of an unknown type, or a key that may be absent.
    """
    path = CATALOG / f"{source}.yml"
    if not path.exists():
        raise BadInputError(f"no catalog for source {source!r}: expected one of {', '.join(catalogued_sources())}")
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    common = FILE_COMMON if source == "files" else {}
    envelope = frozenset(tuple(path.split(".")) for path in declared.get("envelope", ()))
    limits = declared.get("limits", {})
    objects = {
        name: ObjectSchema(
            source,
            name,
            tuple(
                _field(source, name, field, declaration, limits.get(name, {}).get(field, {}))
                for field, declaration in (fields | common).items()
            ),
            envelope,
        )
        for name, fields in declared["objects"].items()
    }
    for schema in objects.values():
        if not schema.fields[0].required:
            raise BadInputError(f"catalog {source}.yml, object {schema.name}: its key {schema.key} must be required")
    return SourceCatalog(source, declared["cursor"], objects)


def catalogued_sources() -> tuple[str, ...]:
    """Names of all declared sources, sorted."""
    return tuple(sorted(path.stem for path in CATALOG.glob("*.yml")))
