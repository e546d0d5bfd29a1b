"""The PostgreSQL server that BI reads: connecting, what stands there between publications, and the swap.

Between publications stand the six group roles and the schema `serving`: which login belongs to which partner, and which
publications were loaded. Everything else is replaced whole by each publication.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from partner_warehouse.errors import (
    BadInputError,
    BusyError,
    PartnerWarehouseError,
    PermanentError,
    TransientError,
)
from partner_warehouse.publish.access import ROLES, Role

Connection = psycopg.Connection[tuple[object, ...]]

_OLDEST = 150000
"""PostgreSQL 15: the first whose views can run with the rights of whoever asks."""

_HOLD = "SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE serving.loader IN EXCLUSIVE MODE NOWAIT"
"""Every login of a server may take an advisory lock; this table only who loads may lock."""

_LOADER_WAIT = 600.0
_ATTEMPT = 0.4
"""Seconds for which readers may queue behind one attempt at the swap."""

_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts; the last one is kept."""

STAGING = "{}__loading"
"""Where a schema is built before it is swapped in."""

_FOUNDATION = Path(__file__).with_name("foundation.sql")


def connect(url: str, *, autocommit: bool = False) -> Connection:
    """A connection to the server.

    Args:
        url: `PARTNER_WAREHOUSE_SERVING_URL`: a libpq or SQLAlchemy address of PostgreSQL.
        autocommit: Whether a statement outside of a transaction block stands at once.

    Raises:
        BadInputError: It is no such address.
        TransientError: The server cannot be reached, or lets us not in.
    """
    scheme, separator, rest = url.partition("://")
    if separator:
        url = f"{scheme.partition('+')[0]}://{rest}"
    try:
        return psycopg.connect(url, autocommit=autocommit, application_name="partner-warehouse")
    except psycopg.OperationalError as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise TransientError(f"PARTNER_WAREHOUSE_SERVING_URL: no connection: {reason}") from error
    except psycopg.Error:
        # Its message would repeat the address, and with it the password.
        raise BadInputError(
            "PARTNER_WAREHOUSE_SERVING_URL: not an address; expected postgresql://LOGIN:PASSWORD@HOST/DATABASE"
        ) from None


@contextmanager
def faults_named(doing: str) -> Iterator[None]:
    """Turns a fault of the server into one of ours. Its text is left out, because it may hold a value of a row."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise PermanentError(
            f"{doing}: the login of PARTNER_WAREHOUSE_SERVING_URL lacks a right ({error.diag.message_primary}); "
            "see docs/serving.md, Set up"
        ) from None
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise TransientError(f"{doing}: the server broke off ({error.sqlstate or 'connection lost'})") from None
    except psycopg.Error as error:
        # Classes 23 and 42 name constraints and objects; the message of any other may quote a value.
        named = (error.sqlstate or "").startswith(("23", "42"))
        reason = error.diag.message_primary if named else error.sqlstate
        raise PartnerWarehouseError(f"{doing}: PostgreSQL refused: {reason}") from None


@contextmanager
def only_loader(url: str) -> Iterator[None]:
    """Hold the server for this loader, by a connection of its own. The server itself lets go when the loader dies.

    Args:
        url: The server, which `prepare` has seen.

    Raises:
        BusyError: Another loader did not end within ten minutes.
    """
    deadline = time.monotonic() + _LOADER_WAIT
    with closing(connect(url)) as holder:
        while not _holds(holder):
            if time.monotonic() > deadline:
                raise BusyError("another publication is being loaded into PostgreSQL; try again when it has ended")
            time.sleep(0.5)
        yield


def _holds(connection: Connection) -> bool:
    """Whether this connection has become the one that loads, for as long as its transaction lasts."""
    try:
        connection.execute(_HOLD)
    except psycopg.errors.LockNotAvailable:
        connection.rollback()
        return False
    return True


def prepare(connection: Connection) -> None:
    """Make what stands between publications, and check that nothing undermines it.

    Raises:
        PermanentError: The server is too old, the database is not ours, or a role can do more than it should; the
            message says what to change.
    """
    if connection.info.server_version < _OLDEST:
        raise PermanentError("PARTNER_WAREHOUSE_SERVING_URL: PostgreSQL 15 or newer is needed")
    database = str(_one(connection, "SELECT current_database()"))
    owned = "SELECT pg_has_role(current_user, datdba, 'USAGE') FROM pg_database WHERE datname = current_database()"
    if not _one(connection, owned):
        raise PermanentError(
            f"PARTNER_WAREHOUSE_SERVING_URL: its login must own the database {database}, which serves nothing else; "
            "see docs/serving.md, Set up"
        )
    with connection.transaction():
        _ensure_roles(connection)
        connection.execute(_FOUNDATION.read_bytes())
        # Everybody may connect to a database and make temporary objects in it, unless that is taken away.
        name = sql.Identifier(database)
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, _names(ROLES)))


def _ensure_roles(connection: Connection) -> None:
    for role in ROLES:
        if not _one(connection, "SELECT count(*) FROM pg_roles WHERE rolname = %s", role):
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
    strong = connection.execute(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) "
        "AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb)",
        [list(ROLES)],
    ).fetchall()
    nested = connection.execute(
        "SELECT inner_role.rolname FROM pg_auth_members "
        "JOIN pg_roles AS inner_role ON member = inner_role.oid WHERE inner_role.rolname = ANY(%s)",
        [list(ROLES)],
    ).fetchall()
    if strong or nested:
        named = ", ".join(sorted({str(row[0]) for row in strong + nested}))
        raise PermanentError(
            f"role {named} on the serving server can do more than it should: a group role has no login, no attribute "
            "such as SUPERUSER or BYPASSRLS, and is a member of no role; mend it with ALTER ROLE or REVOKE"
        )


def make_staging(connection: Connection, schemas: Sequence[str]) -> None:
    """New, empty schemas to build in, without what a killed loader left in them."""
    drop_staging(connection, schemas)
    with connection.transaction():
        for schema in schemas:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(staging(schema)))


def drop_staging(connection: Connection, schemas: Sequence[str]) -> None:
    """Remove the schemas that were built in, where they are."""
    with connection.transaction():
        for schema in schemas:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(staging(schema)))


def staging(schema: str, *name: str) -> sql.Identifier:
    """Where a schema, or a table of it, is built."""
    return sql.Identifier(STAGING.format(schema), *name)


def swap(
    connection: Connection,
    schemas: Sequence[str],
    readers: Callable[[str], Sequence[Role]],
    in_place: Callable[[Connection], None],
    publication: tuple[datetime | None, int, int],
    patience: float,
) -> None:
    """Put the schemas that were built in the place of those that are served, in one transaction.

    Every served table is locked before the first is touched, so a transaction that has read one of them reads the same
    publication to its end, and one that has not yet reads the new one. While a reader is at work, an attempt gives up
    within `_ATTEMPT` seconds, and before the server would take it for a deadlock; nobody else waits for longer.

    Args:
        connection: To the server.
        schemas: Built in staging.
        readers: The roles that may enter a schema.
        in_place: Called within the transaction, with the new schemas in their place.
        publication: as_of, tables, rows.
        patience: Seconds to keep trying.

    Raises:
        BusyError: Readers held the tables for all that time; the message says which. The former publication stands.
        PermanentError: The swap would take away something that somebody else made.
    """
    deadline = time.monotonic() + patience
    for attempt in range(1_000_000):
        try:
            with connection.transaction():
                _lock(connection, schemas)
                _replace(connection, schemas, readers)
                in_place(connection)
                connection.execute(
                    "INSERT INTO serving.publications (as_of, tables, rows) VALUES (%s, %s, %s)", publication
                )
            return
        except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if time.monotonic() > deadline:
                raise BusyError(
                    "readers on the serving server did not let go of the published tables: "
                    f"{_holders(connection, schemas)}; the former publication stands"
                ) from None
        time.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])


def _lock(connection: Connection, schemas: Sequence[str]) -> None:
    served = connection.execute(
        "SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE nspname = ANY(%s) AND relkind IN ('r', 'v') ORDER BY 1, 2",
        [list(schemas)],
    ).fetchall()
    if not served:
        return
    longest = _one(
        connection,
        "SELECT least(%s, extract(epoch FROM current_setting('deadlock_timeout')::interval) / 2) * 1000",
        _ATTEMPT,
    )
    # One limit for all locks together: a reader that waits for the first of them must not wait for all the others.
    connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(int(str(longest).split(".")[0])))
    names = sql.SQL(", ").join(sql.Identifier(str(schema), str(name)) for schema, name in served)
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names))
    connection.execute("SET LOCAL statement_timeout = 0")


def _replace(connection: Connection, schemas: Sequence[str], readers: Callable[[str], Sequence[Role]]) -> None:
    _refuse_what_is_not_ours(connection, schemas)
    for schema in schemas:
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
    for schema in schemas:
        name = sql.Identifier(schema)
        connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(staging(schema), name))
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(name, _names(readers(schema))))


def _refuse_what_is_not_ours(connection: Connection, schemas: Sequence[str]) -> None:
    """A schema of the same name that no publication made, or a view of somebody's over ours, is not dropped."""
    if not _one(connection, "SELECT count(*) FROM serving.publications"):
        foreign = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)", [list(schemas)])
        if found := foreign.fetchall():
            raise PermanentError(
                f"schema {', '.join(str(row[0]) for row in found)} is in the serving database already and was not made "
                "by a publication: give the publication a database of its own"
            )
    dependents = connection.execute(
        """
        SELECT DISTINCT theirs.nspname || '.' || dependent.relname
        FROM pg_depend
        JOIN pg_rewrite ON pg_rewrite.oid = pg_depend.objid AND pg_depend.classid = 'pg_rewrite'::regclass
        JOIN pg_class AS dependent ON dependent.oid = pg_rewrite.ev_class
        JOIN pg_namespace AS theirs ON theirs.oid = dependent.relnamespace
        JOIN pg_class AS served ON served.oid = pg_depend.refobjid AND pg_depend.refclassid = 'pg_class'::regclass
        JOIN pg_namespace AS ours ON ours.oid = served.relnamespace
        WHERE ours.nspname = ANY(%(schemas)s) AND theirs.nspname <> ALL(%(schemas)s)
        """,
        {"schemas": list(schemas)},
    ).fetchall()
    if dependents:
        raise PermanentError(
            f"view {', '.join(str(row[0]) for row in dependents)} hangs on published tables, which are replaced: "
            "drop it, and keep the query in the BI tool"
        )


def _holders(connection: Connection, schemas: Sequence[str]) -> str:
    """Who holds served tables: process, login and program. Not what they ask."""
    found = connection.execute(
        "SELECT DISTINCT format('process %%s of %%s (%%s)', pg_locks.pid, usename, application_name) "
        "FROM pg_locks JOIN pg_class ON pg_class.oid = relation JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "JOIN pg_stat_activity USING (pid) WHERE granted AND nspname = ANY(%s) AND pg_locks.pid <> pg_backend_pid()",
        [list(schemas)],
    ).fetchall()
    return ", ".join(str(row[0]) for row in found) or "they have ended by now"


def _names(roles: Sequence[Role]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(role) for role in roles)


def _one(connection: Connection, query: str | sql.Composable, *arguments: object) -> object:
    row = connection.execute(query, arguments).fetchone()  # type: ignore[arg-type]
    return row[0] if row else None
