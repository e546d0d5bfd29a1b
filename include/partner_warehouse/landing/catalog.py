"""What each source delivers: objects, their fields and types, as declared in `catalog/<source>.yml`.

A field is written `name: type[!] [path]`: `!` marks a value that every record must have; `path` says where it lies in
the record as received, when that is not its name.

An installation adds objects and fields of its own in `<source>.yml` of the directory `PARTNER_WAREHOUSE_CATALOG`: its
custom objects and custom fields need no change of this package. `freshness` says when an object is stale, `leave_out`
which ones the installation does not have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from partner_warehouse.errors import BadInputError
from partner_warehouse.settings import load_settings

CATALOG = Path(__file__).parent / "catalog"

FieldType = Literal["text", "boolean", "integer", "minor_units", "decimal", "instant", "date", "epoch", "json"]

SQL_TYPES: dict[FieldType, str] = {
    "text": "VARCHAR",
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "minor_units": "BIGINT",
    "decimal": "DECIMAL(38, 18)",
    "instant": "TIMESTAMPTZ",
    "date": "DATE",
    "epoch": "TIMESTAMPTZ",
    "json": "VARCHAR",
}
"""How a declared type is landed. `minor_units` is an amount in whole minor units of its currency, `epoch` is received
as Unix seconds, `json` keeps a nested value as text."""

META_COLUMNS: dict[str, str] = {
    "_load_id": "VARCHAR",
    "_loaded_at": "TIMESTAMPTZ",
    "_file": "VARCHAR",
    "_row": "BIGINT",
    "_raw": "VARCHAR",
}
"""What landing adds to each record: the load and its instant (UTC), the file or page it came in, its position in the
load from 1, and the record as received (JSON text; NULL where the load keeps the received files)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field of an object.

    Attributes:
        words: The closed list that a text is one of, in any case, blanks and hyphens as underscores; empty: any text.
        bounds: The least and the greatest number that it may be, both included.
        reserved: Texts that it may not be, because the reports give them a meaning of their own.
    """

    name: str
    type: FieldType
    required: bool
    path: tuple[str, ...]
    words: tuple[str, ...] = ()
    bounds: tuple[int, int] | None = None
    reserved: tuple[str, ...] = ()

    @property
    def sql_type(self) -> str:
        """The type of its landed column."""
        return SQL_TYPES[self.type]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long ago something may be, at most.

    Attributes:
        looked: The last look at an object, whether or not anything was new.
        loaded: Its newest load; None where nothing new for any time is no fault.
    """

    looked: timedelta = timedelta(hours=26)
    loaded: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """One object of a source; the first field is its key.

    Attributes:
        envelope: Paths that a record of the source may have and that nobody types, with all that lies below them: not
            reported as undeclared. Like any other field they are kept in the record as received.
        keeps_files: A load keeps the received files themselves, instead of each record in `_raw`.
        freshness: When it is stale.
    """

    source: str
    name: str
    fields: tuple[Field, ...]
    envelope: frozenset[tuple[str, ...]] = frozenset()
    freshness: Freshness = Freshness()
    keeps_files: bool = False

    @property
    def key(self) -> str:
        """The name of the key field."""
        return self.fields[0].name

    def is_id(self, field: Field) -> bool:
        """Whether a field is the key, or says which record of another object is meant: a text by which records meet."""
        return field.type == "text" and (field.name == self.key or field.name.endswith("_id"))

    @property
    def columns(self) -> dict[str, str]:
        """Landed columns and their types, declared ones first."""
        return {field.name: field.sql_type for field in self.fields} | META_COLUMNS


@dataclass(frozen=True, slots=True)
class SourceCatalog:
    """All objects of one source.

    Attributes:
        left_out: Those that the installation does not pull; they have their columns all the same, and no record.
    """

    source: str
    cursor: str
    objects: dict[str, ObjectSchema]
    left_out: frozenset[str] = frozenset()

    @property
    def pulled(self) -> dict[str, ObjectSchema]:
        """The objects without those that are left out."""
        return {name: schema for name, schema in self.objects.items() if name not in self.left_out}


_OBJECT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def _field(where: str, name: object, declaration: object, limit: dict[str, list[Any]]) -> Field:
    """A field as declared.

    Args:
        where: The file and the object, for messages.
        name: Its name.
        declaration: `type[!] [path]`.
        limit: `one_of`, `between` or `not_one_of`.
    """
    if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name):
        raise BadInputError(f"{where}: {name!r} is no name of a field; use letters, digits and _, a letter first")
    if not isinstance(declaration, str):
        raise BadInputError(f"{where}, field {name}: write its type as text, such as {name}: text")
    kind, _, path = declaration.strip().partition(" ")
    required = kind.endswith("!")
    kind = kind.removesuffix("!")
    if kind not in get_args(FieldType):
        raise BadInputError(
            f"{where}, field {name}: unknown type {kind!r}; use one of {', '.join(get_args(FieldType))}"
        )
    return Field(
        name,
        kind,  # type: ignore[arg-type]
        required,
        tuple((path.strip() or name).split(".")),
        tuple(limit.get("one_of", ())),
        (limit["between"][0], limit["between"][1]) if "between" in limit else None,
        tuple(limit.get("not_one_of", ())),
    )


FILE_COMMON = {"updated_at": "instant", "is_deleted": "boolean"}
"""Every object of the file drop takes these."""


def load_catalog(source: str) -> SourceCatalog:
    """Read a source's declaration, and what the installation adds to it (`PARTNER_WAREHOUSE_CATALOG`).

    Raises:
        BadInputError: No such source, a declaration that cannot be used, or a key that may be absent.
    """
    if not (CATALOG / f"{source}.yml").exists():
        raise BadInputError(f"no catalog for source {source!r}: expected one of {', '.join(catalogued_sources())}")
    directory = load_settings().catalog
    if directory is None:
        return _catalog(source, None, 0)
    if not directory.is_dir():
        raise BadInputError(f"PARTNER_WAREHOUSE_CATALOG: {directory} is no directory; create it, or unset the variable")
    for path in sorted(directory.iterdir()):
        if path.suffix in (".yml", ".yaml") and path.name not in {f"{known}.yml" for known in catalogued_sources()}:
            raise BadInputError(
                f"{path}: no source of this name; name it <source>.yml, one of {', '.join(catalogued_sources())}"
            )
    addition = directory / f"{source}.yml"
    return _catalog(source, addition, addition.stat().st_mtime_ns) if addition.exists() else _catalog(source, None, 0)


@cache
def _catalog(source: str, addition: Path | None, _changed: int) -> SourceCatalog:
    """Read once what a file held at the time of its last change."""
    path = CATALOG / f"{source}.yml"
    declared = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    common = FILE_COMMON if source == "files" else {}
    envelope = frozenset(tuple(path.split(".")) for path in declared.get("envelope", ()))
    limits = declared.get("limits", {})
    objects = {
        name: ObjectSchema(
            source,
            name,
            tuple(
                _field(f"catalog {source}.yml, object {name}", field, declaration, limits.get(name, {}).get(field, {}))
                for field, declaration in (fields | common).items()
            ),
            envelope,
            keeps_files=declared.get("received") == "files",
        )
        for name, fields in declared["objects"].items()
    }
    objects = _with_freshness(path, objects, declared.get("freshness"))
    left_out: frozenset[str] = frozenset()
    if addition is not None:
        objects, left_out = _added(addition, source, objects, envelope)
    for schema in objects.values():
        if not schema.fields[0].required:
            raise BadInputError(
                f"{addition or f'catalog {source}.yml'}, object {schema.name}: its key {schema.key} must be required; "
                f"write {schema.key}: {schema.fields[0].type}!"
            )
    return SourceCatalog(source, declared["cursor"], objects, left_out)


def _added(
    path: Path, source: str, known: dict[str, ObjectSchema], envelope: frozenset[tuple[str, ...]]
) -> tuple[dict[str, ObjectSchema], frozenset[str]]:
    """The objects with those that an installation's file declares, each over the one that there is; those left out."""
    try:
        declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise BadInputError(f"{path}{line}: not YAML; indent with blanks and quote values with a colon") from error
    if not isinstance(declared, dict) or set(declared) - {"source", "objects", "freshness", "leave_out"}:
        raise BadInputError(f"{path}: write `objects:`, `freshness:` or `leave_out:`, and nothing else")
    listed = declared.get("objects", {} if set(declared) & {"freshness", "leave_out"} else None)
    if not isinstance(listed, dict):
        raise BadInputError(f"{path}: write `objects:` with the objects below it, as `<name>: {{<field>: <type>}}`")
    if declared.get("source", source) != source:
        raise BadInputError(f"{path}: it says source {declared['source']!r}; name the file after its source")
    found: dict[str, ObjectSchema] = {}
    for name, fields in listed.items():
        where = f"{path}, object {name}"
        if not isinstance(name, str) or not _OBJECT_NAME.fullmatch(name):
            raise BadInputError(f"{path}: {name!r} is no name of an object; use letters, digits, _ and -")
        if not isinstance(fields, dict) or not fields:
            raise BadInputError(f"{where}: declare its fields, the key first, as `name: type`")
        common = FILE_COMMON if source == "files" else {}
        before = {field.name: field for field in known[name].fields} if name in known else {}
        if not before:
            fields = fields | {one: kind for one, kind in common.items() if one not in fields}
        merged = before | {field: _field(where, field, declaration, {}) for field, declaration in fields.items()}
        folded: dict[str, str] = {}
        for field in merged:
            # The engine that lands them tells names apart without regard to case.
            if (other := folded.setdefault(field.lower(), field)) != field:
                raise BadInputError(f"{where}, field {field}: there is {other} already; write it alike")
        as_before = known.get(name, ObjectSchema(source, name, (), envelope))
        found[name] = replace(as_before, fields=tuple(merged.values()))
    names: dict[str, str] = {}
    for name in known | found:
        if (other := names.setdefault(name.lower(), name)) != name:
            raise BadInputError(f"{path}, object {name}: there is {other} already; write it alike")
    objects = _with_freshness(path, known | found, declared.get("freshness"))
    left_out = declared.get("leave_out") or []
    if not isinstance(left_out, list):
        raise BadInputError(f"{path}, leave_out: write a list of objects, as in [{', '.join(list(known)[:2])}]")
    for name in left_out:
        if name not in objects:
            raise BadInputError(f"{path}, leave_out: no object {name!r}; use some of {', '.join(objects)}")
    return objects, frozenset(left_out)


def _with_freshness(path: Path, objects: dict[str, ObjectSchema], declared: object) -> dict[str, ObjectSchema]:
    """The objects with the limits that a file declares, as `<object>: {looked: <hours>, loaded: <hours>}`."""
    if declared is None:
        return objects
    if not isinstance(declared, dict):
        raise BadInputError(f"{path}, freshness: {_FRESHNESS}")
    changed = {}
    for name, limits in declared.items():
        if name not in objects:
            raise BadInputError(f"{path}, freshness: no object {name!r}; use one of {', '.join(objects)}")
        is_usable = isinstance(limits, dict) and limits and set(limits) <= {"looked", "loaded"}
        if not is_usable or not all(type(hours) is int and hours > 0 for hours in limits.values()):
            raise BadInputError(f"{path}, freshness of {name}: {_FRESHNESS}")
        spans = {kind: timedelta(hours=hours) for kind, hours in limits.items()}
        changed[name] = replace(objects[name], freshness=replace(objects[name].freshness, **spans))
    return objects | changed


_FRESHNESS = "write `<object>: {looked: <hours>, loaded: <hours>}`, one of them or both, in whole hours"


def catalogued_sources() -> tuple[str, ...]:
    """Names of all declared sources, sorted."""
    return tuple(sorted(path.stem for path in CATALOG.glob("*.yml")))
