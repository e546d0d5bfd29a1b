"""Sources that misbehave: what comes between us and the sandbox breaks each answer once, and still everything lands."""

from __future__ import annotations

import gzip
import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from partner_warehouse.errors import TransientError
from partner_warehouse.extract import http
from partner_warehouse.extract.api import Window
from partner_warehouse.extract.ingest import ingest
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.sandbox.calendar import AS_OF
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers.run import connection_variables, serve
from partner_warehouse.settings import Settings, load_settings

pytestmark = pytest.mark.server

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""

MOST = 20
"""Requests that meet a broken answer."""

SOME_DAYS = Window(AS_OF - timedelta(days=8), AS_OF)
"""Of the event stream, which has thousands of files."""


def _cut(_: int, headers: dict[str, str], body: bytes) -> Answer:
    """Half of the body, and a length that says so: only the content can tell."""
    return 200, headers, body[: len(body) // 2]


def _lying_length(status: int, headers: dict[str, str], body: bytes) -> Answer:
    return status, headers | {"Content-Length": str(len(body) + 100)}, body


def _cut_compression(status: int, headers: dict[str, str], body: bytes) -> Answer:
    packed = gzip.compress(body)
    return status, headers | {"Content-Encoding": "gzip"}, packed[: len(packed) * 2 // 3]


def _broken_compression(status: int, headers: dict[str, str], body: bytes) -> Answer:
    return status, headers | {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08\x00 no compression at all"


def _page_of_a_proxy(_: int, __: dict[str, str], ___: bytes) -> Answer:
    return 200, {"Content-Type": "text/html"}, b"<html><body>Please log in to the network</body></html>"


def _page_of_a_server(_: int, __: dict[str, str], ___: bytes) -> Answer:
    return 502, {"Content-Type": "text/html"}, b"<html><h1>502 Bad Gateway</h1></html>"


def _too_many(_: int, __: dict[str, str], ___: bytes) -> Answer:
    return 429, {"Content-Type": "text/plain", "Retry-After": "inf"}, b"slow down"


def _nothing(_: int, headers: dict[str, str], __: bytes) -> Answer:
    return 200, headers, b""


def _another_alphabet(_: int, headers: dict[str, str], body: bytes) -> Answer:
    return 200, headers, body[:-1] + b"\xe9" + body[-1:]


MANNERS = (
    _cut,
    _lying_length,
    _cut_compression,
    _broken_compression,
    _page_of_a_proxy,
    _page_of_a_server,
    _too_many,
    _nothing,
    _another_alphabet,
)


@contextmanager
def proxy(target: str) -> Iterator[tuple[str, set[str]]]:
    """Passes everything on to a source; the first two answers to a request are broken, in turn in every manner.

    Yields:
        Its address, and the manners that it has used.
    """
    manners, asked, used = itertools.cycle(MANNERS), Counter[tuple[str, str, bytes]](), set[str]()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            got = httpx.request(self.command, target + self.path, content=sent, headers=headers, timeout=30)
            told = {n: v for n, v in got.headers.items() if n.lower() not in ("content-length", "date", "server")}
            status, body = got.status_code, got.content
            question = (self.command, self.path, sent)
            if status == 200 and asked[question] < 2 and len(asked) <= MOST:
                asked[question] += 1
                manner = next(manners)
                used.add(manner.__name__)
                status, told, body = manner(status, told, body)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | told).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    for method in ("GET", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", used
        server.shutdown()


@pytest.fixture(scope="module")
def company() -> Company:
    return Company.generate(seed=5, scale=0.03, profile_name="clean")


def contents(settings: Settings, source: str, name: str) -> list[tuple[Any, ...]]:
    files = settings.landing_dir / source / name / "*" / "data.parquet"
    with duckdb.connect() as connection:
        columns = ", ".join(f'"{field.name}"' for field in load_catalog(source).objects[name].fields)
        query = f"SELECT DISTINCT {columns} FROM read_parquet(?) ORDER BY ALL"
        return connection.execute(query, [str(files)]).fetchall()


def patiently(source: str, name: str, settings: Settings) -> None:
    """As Airflow does: a job's page that was not whole ends the task, which is tried again."""
    for _ in range(len(MANNERS)):
        try:
            ingest(source, name, settings, window=SOME_DAYS if source == "events" else None)
        except TransientError as fault:
            if "not whole" not in str(fault):
                raise
        else:
            return
    pytest.fail("it never got through")


SOME = {
    "salesforce": ("Contact", "Opportunity"),
    "hubspot": ("contacts", "owners", "contacts_to_companies"),
    "stripe": ("invoice", "customer"),
    "events": ("events",),
}


@pytest.mark.parametrize(
    ("source", "bulk_above"), [*((source, 1_000_000) for source in SOME), ("salesforce", 0)], ids=str
)
def test_every_kind_of_broken_answer_is_asked_for_again_and_everything_lands(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, bulk_above: int
) -> None:
    monkeypatch.setattr(http, "pause", lambda _: None)
    variable = f"AIRFLOW_CONN_{source.upper()}_DEFAULT"
    straight, crooked = (load_settings(home=tmp_path / name) for name in ("straight", "crooked"))
    with serve(company) as endpoints, proxy(endpoints.urls[source]) as (address, used):
        connection = json.loads(connection_variables(endpoints.urls)[variable])
        connection["extra"]["bulk_above"] = bulk_above
        for settings, host in ((straight, connection["host"]), (crooked, address)):
            monkeypatch.setenv(variable, json.dumps(connection | {"host": host}))
            for name in SOME[source]:
                patiently(source, name, settings)
    assert used == {manner.__name__ for manner in MANNERS}
    for name in SOME[source]:
        assert contents(straight, source, name) == contents(crooked, source, name) != []
