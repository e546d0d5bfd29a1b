"""Who may see what on the server that BI reads: the policy of `access.yml`, and the rights that it stands for.

A role that a table does not name has no right on it. `internal_admin` has every right on every table, so what is new is
closed to everyone else until it is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from psycopg import sql

from partner_warehouse.errors import BadInputError

Role = Literal["partner_admin", "partner_user", "internal_admin", "internal_user", "finance", "guest"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Group roles, without a login of their own. A person's or a tool's login is made a member of one."""

ADMIN: Role = "internal_admin"

POLICY = Path(__file__).with_name("access.yml")


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A condition on rows, in PostgreSQL's SQL, and the columns that it looks at."""

    condition: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role may read of one table.

    Attributes:
        rows: The filter that its rows must pass; None: every row.
        columns: The columns that it may read; None: every column.
    """

    rows: RowFilter | None = None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """The whole policy: what each role may read of each table, `schema.table`."""

    tables: Mapping[str, Mapping[Role, Grant]]

    def of(self, table: str) -> Mapping[Role, Grant]:
        """The grants on one table, the administrator's among them."""
        return {ADMIN: Grant(), **self.tables.get(table, {})}

    def filter_columns(self, table: str) -> tuple[str, ...]:
        """The columns that row filters of a table look at; empty where every role that may read it sees every row."""
        columns = [column for grant in self.of(table).values() if grant.rows for column in grant.rows.columns]
        return tuple(dict.fromkeys(columns))

    def readers(self, schema: str) -> tuple[Role, ...]:
        """The roles that may read anything in a schema."""
        named = {role for table, grants in self.tables.items() if table.split(".")[0] == schema for role in grants}
        return tuple(role for role in ROLES if role == ADMIN or role in named)


def load_access(path: Path = POLICY) -> Access:
    """Read the policy.

    Raises:
        BadInputError: It names a role, filter or key that does not exist; the message says at which table.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    filters = {
        name: RowFilter(entry["condition"].strip(), tuple(entry["columns"]))
        for name, entry in document["filters"].items()
    }
    tables: dict[str, dict[Role, Grant]] = {}
    for table, grants in document["tables"].items():
        tables[table] = {}
        for role, entry in grants.items():
            where = f"{path.name}: {table}: {role}"
            if role not in ROLES or role == ADMIN:
                raise BadInputError(f"{where}: name one of {', '.join(ROLES)}, without {ADMIN}, which may read all")
            tables[table][role] = _grant(entry, filters, where)
    return Access(tables)


def _grant(entry: Mapping[str, Any], filters: Mapping[str, RowFilter], where: str) -> Grant:
    if unknown := set(entry) - {"rows", "columns"}:
        raise BadInputError(f"{where}: unknown key {', '.join(sorted(unknown))}; there are rows and columns")
    rows = entry.get("rows")
    if rows is not None and rows not in filters:
        raise BadInputError(f"{where}: unknown filter {rows}; there are {', '.join(filters)}")
    columns = entry.get("columns")
    return Grant(filters[rows] if rows else None, tuple(columns) if columns is not None else None)


def rights(
    access: Access, table: str, target: sql.Identifier, columns: Sequence[str], *, is_view: bool = False
) -> Iterator[sql.Composable]:
    """The statements that give a new table or view its rights. It must have none yet.

    Args:
        access: The policy.
        table: Its published name, `schema.table`.
        target: Where it stands now.
        columns: Its columns.
        is_view: A view has no rows of its own to filter: those of the tables below it are, by whoever asks.
    """
    grants = access.of(table)
    for role, grant in grants.items():
        named = [column for column in grant.columns or () if column in columns]
        if grant.columns is not None and not named:
            continue
        some = sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, named))) if named else sql.SQL("")
        yield sql.SQL("GRANT SELECT{} ON {} TO {}").format(some, target, sql.Identifier(role))
    if is_view or not access.filter_columns(table):
        return
    # Without a policy for its role, a reader finds no row: the default of row-level security.
    yield sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(target)
    for role, grant in grants.items():
        condition = sql.SQL(grant.rows.condition if grant.rows else "true")
        yield sql.SQL("CREATE POLICY {0} ON {1} FOR SELECT TO {0} USING ({2})").format(
            sql.Identifier(role), target, condition
        )
