"""What reaches real servers on loopback, and what happens when there is none."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from decimal import Decimal
from email import message_from_string
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from partner_warehouse import notifications

pytestmark = pytest.mark.server


class Webhook(BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    received: list[tuple[str, dict[str, Any]]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, json.loads(body)))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


class Smtp(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to hand over one message."""

    received: list[tuple[list[str], str]]

    def handle(self) -> None:
        self._say("220 ready")
        recipients: list[str] = []
        while line := self.rfile.readline().decode().strip():
            verb = line.split(":")[0].split()[0].upper()
            if verb == "RCPT":
                recipients.append(line.split("<")[1].split(">")[0])
            if verb == "DATA":
                self._say("354 go on")
                lines = []
                while (text := self.rfile.readline().decode()) != ".\r\n":
                    lines.append(text)
                self.received.append((recipients, "".join(lines)))
            self._say("221 bye" if verb == "QUIT" else "250 fine")
            if verb == "QUIT":
                return

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def webhook() -> Iterator[tuple[type[Webhook], str]]:
    handler = type("Kept", (Webhook,), {"received": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield handler, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def smtp() -> Iterator[tuple[type[Smtp], int]]:
    handler = type("Kept", (Smtp,), {"received": []})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield handler, server.server_address[1]
        server.shutdown()


def connect(monkeypatch: pytest.MonkeyPatch, conn_id: str, **parts: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(parts))


def test_slack_and_teams_get_what_they_can_show(home: Path, monkeypatch, webhook) -> None:
    handler, address = webhook
    connect(monkeypatch, "payouts_slack", conn_type="http", host=f"{address}/services", password="T0/B0/secret")
    connect(monkeypatch, "payouts_teams", conn_type="http", password=f"{address}/workflows/1?sig=secret")
    assert notifications.notify("Payouts of 2026-03 approved", "1,000.00 EUR & more\nsecond <line>") == [
        "payouts_slack",
        "payouts_teams",
    ]
    (slack_path, slack), (teams_path, teams) = handler.received
    assert slack_path == "/services/T0/B0/secret"
    assert slack == {"text": "*Payouts of 2026-03 approved*\n1,000.00 EUR &amp; more\nsecond &lt;line&gt;"}
    assert teams_path == "/workflows/1?sig=secret"
    card = teams["attachments"][0]["content"]
    assert [block["text"] for block in card["body"]] == [
        "Payouts of 2026-03 approved",
        "1,000.00 EUR & more",
        "second <line>",
    ]


def test_an_email_goes_to_everybody_named(home: Path, monkeypatch, smtp) -> None:
    handler, port = smtp
    extra = {"from": "payouts@example.com", "to": "Ana <ana@example.com>, ben@example.com"}
    connect(monkeypatch, "payouts_email", conn_type="smtp", host="127.0.0.1", port=port, extra=extra)
    assert notifications.notify("Payouts of 2026-03 wait for approval", "Größe: 1,000.00 €") == ["payouts_email"]
    ((recipients, content),) = handler.received
    message = message_from_string(content)
    assert recipients == ["ana@example.com", "ben@example.com"]
    assert message["Subject"] == "Payouts of 2026-03 wait for approval"
    assert "Größe: 1,000.00 €" in message.get_payload(decode=True).decode("utf-8")


def test_without_a_channel_it_is_silent(home: Path, caplog) -> None:
    assert notifications.notify("Payouts") == []
    assert caplog.text == ""


def test_a_channel_that_refuses_is_a_warning_without_its_address(home: Path, monkeypatch, webhook, caplog) -> None:
    handler, address = webhook
    monkeypatch.setattr(handler, "status", 500)
    connect(monkeypatch, "payouts_slack", conn_type="http", host=f"{address}/services", password="T0/B0/secret")
    connect(monkeypatch, "payouts_teams", conn_type="http", host="http://127.0.0.1:9")
    connect(monkeypatch, "payouts_email", conn_type="smtp", host="127.0.0.1", port=9, extra={"from": "a@b.c", "to": ""})
    assert notifications.notify("Payouts of 2026-03 approved") == []
    assert [record.levelname for record in caplog.records if record.name == notifications.__name__] == ["WARNING"] * 3
    assert "secret" not in caplog.text


def test_a_reminder_names_the_months_that_wait_and_no_others(home: Path, monkeypatch, webhook) -> None:
    from partner_warehouse.ledger import payouts
    from partner_warehouse.ledger.content import CurrencyTotal
    from partner_warehouse.ledger.payouts import PayoutState

    handler, address = webhook
    connect(monkeypatch, "payouts_slack", conn_type="http", host=address)
    states: list[PayoutState] = []
    monkeypatch.setattr(payouts.PayoutService, "states", lambda _: states)
    notifications.remind(context={})
    assert handler.received == []
    total = (CurrencyTotal("EUR", 2, Decimal("10.50")),)
    for period, status in (("2026-02", "paid"), ("2026-03", "submitted")):
        states.append(PayoutState(period, status, 1, "h", 1, 2, total, "ana", "ana", None, ""))
    notifications.remind(context={})
    ((_, message),) = handler.received
    assert message["text"] == "*Payouts of 2026-03 still wait for approval*\n2026-03: 10.50 EUR to 2 partners"
