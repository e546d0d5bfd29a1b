"""No file that is refused and no answer of a source puts a person or a secret where people read."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from partner_warehouse import cli
from partner_warehouse.extract import http
from partner_warehouse.sandbox.calendar import AS_OF
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers.run import connection_variables, serve
from partner_warehouse.settings import load_settings

MARK = "zoe.marked@private.example"
HEADER = "contact_id,customer_id,email,created_at\n"
ROW = f"k1,c1,{MARK},2026-01-01T00:00:00Z\n"

REFUSED: dict[str, str | bytes] = {
    "without_header.csv": ROW,
    "semicolons.csv": (HEADER + ROW).replace(",", ";"),
    "open_quote.csv": HEADER + f'k1,"{MARK}\n',
    "quote_inside.csv": HEADER + f'k1,"c1"{MARK},x,y\n',
    "named_by_a_person.csv": f"{MARK},{MARK}\n",
    "utf16.csv": (HEADER + ROW).encode("utf-16"),
    "latin.csv": (HEADER + ROW.replace("zoe", "zoé")).encode("cp1252"),
    "nul.csv": HEADER + f"{MARK}\0",
    "no_parquet.parquet": MARK,
}
SET_ASIDE: dict[str, str] = {
    "bad_instant.csv": HEADER + f"k1,c1,{MARK},{MARK}\n",
    "too_long.csv": HEADER + f"k1,c1,{MARK},2026-01-01T00:00:00Z,{MARK}\n",
    "keyed_by_a_person.jsonl": json.dumps({"contact_id": "k1", MARK: 1, "created_at": MARK}) + "\n",
    "no_json.jsonl": f"{MARK}\n" + json.dumps({"contact_id": "k2", "email": MARK, "created_at": MARK}) + "\n",
}


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def left_below(home: Path) -> str:
    """What a run left to read: everything but the records themselves."""
    kept = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".parquet"]
    return "\n".join(f"{path}\n{path.read_bytes().decode(errors='replace')}" for path in kept)


@pytest.mark.parametrize("name", [*REFUSED, *SET_ASIDE])
def test_what_is_said_of_a_file_names_no_value_of_it(
    home: Path, tmp_path: Path, monkeypatch, capsys, everything, name: str
) -> None:
    inbox = tmp_path / "inbox"
    monkeypatch.setenv("PARTNER_WAREHOUSE_INBOX", str(inbox))
    content = (REFUSED | SET_ASIDE)[name]
    (inbox / "contacts").mkdir(parents=True)
    (inbox / "contacts" / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    status = cli.main(["ingest", "--source", "files", "--object", "contacts"])
    said = capsys.readouterr()
    assert status == (2 if name in REFUSED else 0), said.err
    assert name in said.err if name in REFUSED else "quarantined" in said.out
    for text in (said.out, said.err, everything.text, left_below(home)):
        assert MARK not in text
        assert "private.example" not in text


MARKED_SECRET = "marked-secret-51c0"


@pytest.mark.server
@pytest.mark.parametrize("source", ["salesforce", "hubspot", "stripe", "events"])
def test_a_refused_secret_is_in_no_error_and_no_log(home: Path, monkeypatch, capsys, everything, source: str) -> None:
    monkeypatch.setattr(http, "pause", lambda _: None)
    with serve(Company.generate(seed=3, scale=0.01), now=AS_OF) as endpoints:
        name = f"AIRFLOW_CONN_{source.upper()}_DEFAULT"
        wrong = json.loads(connection_variables(endpoints.urls)[name]) | {"password": MARKED_SECRET}
        monkeypatch.setenv(name, json.dumps(wrong))
        assert cli.main(["ingest", "--source", source]) == 1
    said = capsys.readouterr()
    assert source in said.err
    for text in (said.out, said.err, everything.text, left_below(home)):
        assert MARKED_SECRET not in text


@pytest.mark.parametrize("source", ["salesforce", "hubspot", "stripe", "events"])
@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_an_answer_that_quotes_a_record_is_not_quoted(
    home: Path, monkeypatch, capsys, everything, source: str, status: int
) -> None:
    """Vendors put values into their messages: the one that was refused, the one that is there already."""
    monkeypatch.setattr(http, "pause", lambda _: None)
    message = f"duplicate value {MARK}; token {MARKED_SECRET}"
    body = {"message": message, "error": {"message": message, "code": message}, "errorCode": message}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json={"access_token": MARKED_SECRET})
        return httpx.Response(status, json=body, headers={"x-echo": message})

    client = httpx.Client
    monkeypatch.setattr(
        http.httpx, "Client", lambda **options: client(**(options | {"transport": httpx.MockTransport(answer)}))
    )
    connection = {"conn_type": "http", "host": "http://127.0.0.1:9", "login": "id", "password": MARKED_SECRET}
    monkeypatch.setenv(f"AIRFLOW_CONN_{source.upper()}_DEFAULT", json.dumps(connection))
    assert cli.main(["ingest", "--source", source]) == 1
    said = capsys.readouterr()
    assert f"HTTP {status}" in said.err or "no object" in said.err, said.err
    for text in (said.out, said.err, everything.text, left_below(load_settings().home)):
        assert MARK not in text
        assert MARKED_SECRET not in text


def test_settings_that_are_printed_hold_no_password() -> None:
    url = f"postgresql://reader:{MARK}@127.0.0.1/marts"
    printed = load_settings(ledger_url=url, serving_url=url)
    assert MARK not in f"{printed!r} {printed}"
