"""Where a source is and with what one logs in.

An Airflow connection: read through Airflow in a task, else from the environment as Airflow itself reads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from partner_warehouse.errors import BadInputError

if TYPE_CHECKING:
    from sqlalchemy import URL

_IN_A_TASK = "AIRFLOW_CTX_DAG_ID"
"""Airflow sets it in the environment of every running task."""


@dataclass(frozen=True, slots=True)
class SourceConnection:
    """One connection. Its secrets do not show in `repr`.

    Attributes:
        conn_id: Airflow's name for it.
        host: Base URL, with scheme, without a slash at the end.
        login: Client id or user, if any.
        password: Client secret, token or key, if any.
        extra: What else the source needs.

    Raises:
        BadInputError: Login or password has characters that none has, such as a line break.
    """

    conn_id: str
    host: str
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        plain(self.conn_id, "login", self.login)
        plain(self.conn_id, "password", self.password)

    def secret(self) -> str:
        """The password.

        Raises:
            BadInputError: The connection has none.
        """
        if not self.password:
            raise BadInputError(f"connection {self.conn_id} has no password: put the source's secret or token there")
        return self.password

    def bearer(self) -> dict[str, str]:
        """The header that shows the password as a token.

        Raises:
            BadInputError: The connection has none, or one that is no token.
        """
        token = self.secret()
        if not token.isascii() or " " in token:
            raise BadInputError(
                f"connection {self.conn_id}: the password is no token or key, which has letters from A to Z, digits "
                "and signs alone; copy it from the source again"
            )
        return {"Authorization": f"Bearer {token}"}


def plain(conn_id: str, what: str, value: str | None) -> str | None:
    """A part of a connection, which is of characters that can be sent.

    Args:
        conn_id: The connection, for the message.
        what: Which part.
        value: Its text; None where there is none.

    Raises:
        BadInputError: It has a line break, another character that does not print, or bytes that are not UTF-8.
    """
    if value is not None and not value.isprintable():
        raise BadInputError(
            f"connection {conn_id}: the {what} has a line break or another character that cannot be seen; put it there "
            "again, without what came along when it was copied"
        )
    return value


def get_connection(conn_id: str) -> SourceConnection:
    """Read a connection.

    Args:
        conn_id: As in Airflow, `stripe_default`.

    Raises:
        BadInputError: There is none, or it cannot be read; the message never has its content.
    """
    if _IN_A_TASK in os.environ:
        return _from_airflow(conn_id)
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    value = os.environ.get(variable)
    if not value:
        raise BadInputError(f"connection {conn_id} is not configured: add it in Airflow, or set {variable}")
    return _from_json(conn_id, variable, value) if value.lstrip().startswith("{") else _from_uri(conn_id, value)


def find_connection(conn_id: str, *, in_airflow: bool = False) -> SourceConnection | None:
    """Read a connection that need not be there.

    Args:
        conn_id: As in Airflow, `payouts_slack`.
        in_airflow: Whether to ask Airflow although this is no task, as in a callback.

    Returns:
        None where there is no such connection.

    Raises:
        BadInputError: It cannot be read; the message never has its content.
    """
    if not in_airflow and _IN_A_TASK not in os.environ:
        return get_connection(conn_id) if os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}") else None
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None
    return SourceConnection(
        conn_id, _base_url(found.host or "", found.schema, found.port), found.login, found.password, found.extra_dejson
    )


def get_database_url(conn_id: str) -> URL | None:
    """Read a connection to a database, as SQLAlchemy takes it.

    Args:
        conn_id: As in Airflow, `bank_vault_default`.

    Returns:
        None where there is no such connection.

    Raises:
        BadInputError: It cannot be read, or is neither to PostgreSQL nor to SQLite; the message never has its content.
    """
    if _IN_A_TASK in os.environ:
        parts = _database_from_airflow(conn_id)
        return None if parts is None else _database_url(conn_id, **parts)
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    value = os.environ.get(variable)
    if not value:
        return None
    try:
        parts = _database_parts(value)
    except ValueError:
        raise BadInputError(f"{variable} is neither a valid URI nor valid JSON") from None
    return _database_url(conn_id, **parts)


def _database_from_airflow(conn_id: str) -> dict[str, Any] | None:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None
    return {name: getattr(found, name) for name in ("conn_type", "login", "password", "host", "port", "schema")}


def _database_parts(value: str) -> dict[str, Any]:
    """The parts of a connection in an environment variable, read as Airflow reads them."""
    names = ("conn_type", "login", "password", "host", "port", "schema")
    if value.lstrip().startswith("{"):
        document = json.loads(value)
        return {name: document.get(name) for name in names}
    uri = urlsplit(value)
    texts = (uri.username, uri.password, uri.hostname, uri.path[1:])
    login, password, host, schema = (unquote(text) if text else None for text in texts)
    return dict(zip(names, (uri.scheme, login, password, host, uri.port, schema), strict=True))


def _database_url(
    conn_id: str,
    *,
    conn_type: str | None,
    login: str | None,
    password: str | None,
    host: str | None,
    port: int | None,
    schema: str | None,
) -> URL:
    from sqlalchemy import URL

    kind = (conn_type or "").split("+")[0]
    plain(conn_id, "login", login)
    plain(conn_id, "password", password)
    if kind in {"postgres", "postgresql"}:
        return URL.create("postgresql+psycopg", login, password, host, int(port) if port else None, schema)
    if kind == "sqlite" and (host or schema):
        # Read-only, so that a wrong path is an error and not a new, empty file.
        path = quote(host or f"/{(schema or '').lstrip('/')}")
        return URL.create("sqlite", database=f"file:{path}", query={"mode": "ro", "uri": "true"})
    raise BadInputError(f"connection {conn_id}: a database is a connection of the type postgres or sqlite")


def _from_airflow(conn_id: str) -> SourceConnection:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

    try:
        found = BaseHook.get_connection(conn_id)
    except (AirflowNotFoundException, AirflowRuntimeError):
        raise BadInputError(f"connection {conn_id} is not configured: add it in Airflow") from None
    host = _base_url(found.host or "", found.schema, found.port)
    return SourceConnection(conn_id, host, found.login, found.password, found.extra_dejson)


def _from_json(conn_id: str, variable: str, value: str) -> SourceConnection:
    try:
        document = json.loads(value)
        extra = document.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
    except ValueError:
        raise BadInputError(f"{variable} is not valid JSON") from None
    if not isinstance(extra, dict):
        raise BadInputError(f"{variable}: its extra is no JSON object")
    host = _base_url(str(document.get("host") or ""), document.get("schema"), document.get("port"))
    login, password = (None if document.get(one) is None else str(document[one]) for one in ("login", "password"))
    return SourceConnection(conn_id, host, login, password, extra)


def _from_uri(conn_id: str, value: str) -> SourceConnection:
    """A URI as Airflow reads it: `http://login:password@host:port/schema?extra`, its parts percent-encoded."""
    try:
        parts = urlsplit(value)
        port = parts.port
        extra = dict(parse_qsl(parts.query))
        if "__extra__" in extra:
            extra = json.loads(extra["__extra__"])
    except ValueError:
        raise BadInputError(f"AIRFLOW_CONN_{conn_id.upper()} is not a valid URI") from None
    login = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    schema = parts.path.strip("/") or (parts.scheme if parts.scheme in ("http", "https") else None)
    return SourceConnection(conn_id, _base_url(unquote(parts.hostname or ""), schema, port), login, password, extra)


def _base_url(host: str, schema: str | None, port: int | str | None) -> str:
    """A URL from what people write into host, schema and port; https where nothing says otherwise."""
    host = host.strip().rstrip("/")
    if host and "://" not in host:
        host = f"{schema if schema in ('http', 'https') else 'https'}://{host}"
    try:
        has_port = urlsplit(host).port is not None
    except ValueError:
        return host  # whoever calls it says that it is no URL
    return f"{host}:{port}" if port and host and not has_port else host
