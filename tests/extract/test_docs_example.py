"""The worked example of a new source in the documentation, run as it is written against a small HTTP server."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import yaml

from partner_warehouse.extract import api, http, raw_json
from partner_warehouse.extract.api import Window, ingest_api
from partner_warehouse.extract.connections import SourceConnection
from partner_warehouse.landing.catalog import Field, ObjectSchema
from partner_warehouse.settings import ROOT, load_settings

TICKETS = [
    {"id": "1", "status": "open", "rating": {"score": 4.5}, "updated_at": "2026-03-01T00:00:00Z"},
    {"id": "2", "status": "done", "rating": {"score": 3}, "updated_at": "2026-03-02T00:00:00Z"},
    {"id": "3", "status": "open", "rating": None, "updated_at": "2026-04-02T00:00:00Z"},
]


class Handler(BaseHTTPRequestHandler):
    """A ticket system: one ticket a page."""

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        since = asked.get("updated_since", [""])[0]
        found = [ticket for ticket in TICKETS if str(ticket["updated_at"]) >= since]
        page = int(asked["page"][0])
        body = json.dumps({"items": found[page - 1 : page], "more": page < len(found)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def host() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_example_lands_what_the_server_has_and_then_nothing(host: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(class Helpdesk.*?)```", text, re.DOTALL)
    (declared,) = re.findall(r"```yaml\n(source: helpdesk.*?)```", text, re.DOTALL)
    names: dict[str, Any] = vars(api) | vars(http) | vars(raw_json)
    names |= {"json": json, "orjson": orjson, "datetime": datetime, "Iterator": Iterator, "Mapping": Mapping}
    names |= {"Sequence": Sequence}
    names |= {"Any": Any, "SourceConnection": SourceConnection, "ObjectSchema": ObjectSchema}
    exec(code, names)  # noqa: S102
    client = names["Helpdesk"](SourceConnection("helpdesk_default", host, None, "token"))
    fields = []
    for name, kind in yaml.safe_load(declared)["objects"]["tickets"].items():
        one, _, path = kind.partition(" ")
        fields.append(Field(name, one.removesuffix("!"), one.endswith("!"), tuple((path or name).split("."))))
    schema = ObjectSchema("helpdesk", "tickets", tuple(fields))
    settings = load_settings(home=tmp_path)
    march = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert ingest_api(schema, settings, client, window=march).landed == 2
    first = ingest_api(schema, settings, client)
    assert (first.received, first.landed, first.quarantined) == (3, 3, 0)
    assert first.cursor_to == "2026-04-02T00:00:00.000000Z"
    assert not ingest_api(schema, settings, client).is_new
