"""Imports the dashboards into Apache Superset over its REST API.

The bundle in the repository is what Superset itself exports (version 1.0.0), taken apart: databases, datasets, charts,
dashboards, each a YAML file with an id of its own, so that an import again replaces and never doubles. Only the address
of the database is the installation's; its password is sent beside the bundle and never stands in it.

Source: Superset, "Importing and exporting", `POST /api/v1/assets/import/`.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from sqlalchemy import URL

from partner_warehouse.errors import BadInputError, TransientError
from partner_warehouse.extract.connections import SourceConnection, get_connection, get_database_url
from partner_warehouse.settings import ROOT

BUNDLE = ROOT / "bi" / "superset"
"""The dashboards, as Superset exports them."""

SUPERSET, MARTS = "superset_default", "marts_bi_default"
"""The connections: Superset's address and login; the PostgreSQL that it reads, with a login that may read."""

_DATABASE = "databases/partner_marts.yaml"
_MASK = "X" * 10
"""What Superset takes for a password that is given beside the bundle."""

_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Imported:
    """What was brought in."""

    dashboards: tuple[str, ...]
    charts: int
    datasets: int


def import_dashboards() -> Imported:
    """Import the bundle into the Superset of the connection `superset_default`, over `marts_bi_default`.

    Raises:
        BadInputError: A connection is missing, Superset refused the login or the bundle; the message says what it said.
        TransientError: Superset did not answer.
    """
    superset, marts = get_connection(SUPERSET), get_database_url(MARTS)
    if marts is None:
        raise BadInputError(
            f"no connection {MARTS}: it names the PostgreSQL that Superset reads, as AIRFLOW_CONN_{MARTS.upper()}"
        )
    try:
        with httpx.Client(base_url=superset.host, timeout=_SECONDS, follow_redirects=True) as client:
            _log_in(client, superset)
            _send(client, marts)
    except httpx.TransportError as error:
        raise TransientError(f"{SUPERSET}: {superset.host} did not answer ({type(error).__name__})") from error
    names = sorted(str(document["dashboard_title"]) for document in documents("dashboards"))
    return Imported(tuple(names), len(list(documents("charts"))), len(list(documents("datasets"))))


def documents(kind: str) -> Iterator[dict[str, Any]]:
    """The documents of a kind in the bundle: databases, datasets, charts or dashboards."""
    for path in sorted((BUNDLE / kind).rglob("*.yaml")):
        yield yaml.safe_load(path.read_text(encoding="utf-8"))


def _log_in(client: httpx.Client, superset: SourceConnection) -> None:
    answer = client.post(
        "/api/v1/security/login",
        json={"username": superset.login, "password": superset.secret(), "provider": "db", "refresh": False},
    )
    _check(answer, "login")
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    answer = client.get("/api/v1/security/csrf_token/")
    _check(answer, "login")
    client.headers.update({"X-CSRFToken": answer.json()["result"], "Referer": superset.host})


def _send(client: httpx.Client, marts: URL) -> None:
    passwords = {_DATABASE: marts.password} if marts.password else {}
    answer = client.post(
        "/api/v1/assets/import/",
        files={"bundle": ("bundle.zip", packed(marts), "application/zip")},
        data={"passwords": json.dumps(passwords)},
    )
    _check(answer, "import")


def packed(marts: URL) -> bytes:
    """The bundle as one archive, for a database whose password is not in it."""
    host = marts.host or ""
    query = {"host": host} if host.startswith("/") else {}  # a socket's directory
    address = URL.create(
        "postgresql+psycopg2",
        marts.username,
        _MASK if marts.password else None,
        None if query else host,
        marts.port,
        marts.database,
        query,
    ).render_as_string(hide_password=False)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(BUNDLE.rglob("*.yaml")):
            name = path.relative_to(BUNDLE).as_posix()
            archive.writestr(f"partner_warehouse/{name}", _content(path, name, address))
    return buffer.getvalue()


def _content(path: Path, name: str, address: str) -> str:
    text = path.read_text(encoding="utf-8")
    if name != _DATABASE:
        return text
    return yaml.safe_dump(yaml.safe_load(text) | {"sqlalchemy_uri": address}, sort_keys=False)


def _check(answer: httpx.Response, step: str) -> None:
    """Raise with what Superset said; it repeats neither the login nor the address of the database."""
    if answer.is_success:
        return
    if answer.status_code in {429, 502, 503, 504}:
        raise TransientError(f"{SUPERSET}: {step} answered {answer.status_code}")
    try:
        said = json.dumps(answer.json().get("errors") or answer.json().get("message"))[:500]
    except ValueError:
        said = answer.reason_phrase
    raise BadInputError(f"{SUPERSET}: {step} was refused with {answer.status_code}: {said}")
