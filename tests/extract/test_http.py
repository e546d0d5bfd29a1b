"""Retries are bounded and patient, refusals are final, and nothing secret is ever said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from partner_warehouse.errors import PermanentError, TransientError
from partner_warehouse.extract import hubspot, salesforce, stripe
from partner_warehouse.extract.http import ATTEMPTS, RefusedError, SourceClient
from partner_warehouse.settings import load_settings

SECRET = "marked-secret"
Answers = list[httpx.Response | Exception]


class Source:
    """A source that gives prepared answers, and the waits between."""

    def __init__(self, answers: Answers, rule: Callable[..., bool] = lambda response, code: False) -> None:
        self.answers = answers
        self.waits: list[float] = []
        self.calls = 0
        self.refreshes = 0
        self.client = SourceClient(
            "shop",
            "http://shop.test",
            authorise=self._authorise,
            is_transient=rule,
            transport=httpx.MockTransport(self._answer),
            sleep=self.waits.append,
        )

    def _authorise(self, again: bool) -> Mapping[str, str]:
        self.refreshes += again
        return {"Authorization": f"Bearer {SECRET}-{self.refreshes}"}

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def test_what_passes_is_tried_again() -> None:
    source = Source(
        [httpx.Response(500), httpx.ConnectError("refused"), httpx.Response(429), httpx.Response(200, text="ok")]
    )
    assert source.client.get("/things").text == "ok"
    assert source.calls == 4
    assert 0.25 <= source.waits[0] <= 0.5 <= source.waits[1] <= 1.0 <= source.waits[2] <= 2.0


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured(as_date: bool) -> None:
    value = format_datetime(datetime.now(UTC) + timedelta(seconds=7.5), usegmt=True) if as_date else "7"
    source = Source([httpx.Response(429, headers={"Retry-After": value}), httpx.Response(200)])
    source.client.get("/things")
    assert source.waits == [pytest.approx(7, abs=1.1)]


def test_a_long_wait_is_left_to_the_scheduler() -> None:
    source = Source([httpx.Response(429, headers={"Retry-After": "3600"})])
    with pytest.raises(TransientError) as fault:
        source.client.get("/things")
    assert fault.value.retry_after == 3600
    assert (source.calls, source.waits) == (1, [])


def test_tries_are_bounded() -> None:
    source = Source([httpx.Response(503)])
    with pytest.raises(TransientError, match="HTTP 503"):
        source.client.get("/things")
    assert source.calls == ATTEMPTS


@pytest.mark.parametrize("status", [301, 400, 403, 404, 422])
def test_refusals_are_final(status: int) -> None:
    source = Source([httpx.Response(status)])
    with pytest.raises(RefusedError, match=f"HTTP {status}"):
        source.client.get("/things")
    assert (source.calls, source.waits) == (1, [])


def test_a_token_is_refreshed_once() -> None:
    source = Source([httpx.Response(401), httpx.Response(200)])
    source.client.get("/things")
    assert source.refreshes == 1
    source = Source([httpx.Response(401)])
    with pytest.raises(PermanentError, match="credentials"):
        source.client.get("/things")
    assert (source.refreshes, source.calls) == (1, 2)


def test_messages_hold_no_secret_and_no_record() -> None:
    body = {"error": {"code": "bad_request", "message": f"value {SECRET} of marked-person@example.test"}}
    source = Source([httpx.Response(400, json=body)])
    with pytest.raises(RefusedError) as refused:
        source.client.get("/things", params={"email": "marked-person@example.test"}, headers={"X-Key": SECRET})
    assert "bad_request" in str(refused.value)
    assert "marked" not in str(refused.value)
    assert "marked" not in repr(refused.value)


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        (salesforce.is_transient, httpx.Response(403, json=[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "x"}])),
        (hubspot.is_transient, httpx.Response(423, json={"category": "LOCKED"})),
        (stripe.is_transient, httpx.Response(409, json={"error": {"type": "invalid_request_error"}})),
        (stripe.is_transient, httpx.Response(400, headers={"Stripe-Should-Retry": "true"})),
    ],
)
def test_sources_have_their_own_rules(rule: Callable[..., bool], answer: httpx.Response) -> None:
    source = Source([answer, httpx.Response(200)], rule)
    source.client.get("/things")
    assert source.calls == 2


def test_a_source_that_fails_slowly_is_left_before_its_tries_are_up() -> None:
    now, calls = [0.0], 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        now[0] += load_settings().call_seconds / 2.5
        return httpx.Response(503)

    client = SourceClient(
        "slow",
        "https://slow.test",
        authorise=lambda _: {},
        transport=httpx.MockTransport(answer),
        sleep=lambda _: None,
        clock=lambda: now[0],
    )
    with pytest.raises(TransientError, match=r"HTTP 503 \(3 tries\)"):
        client.get("/things")
    assert calls == 3


@pytest.mark.parametrize("place", ["http://elsewhere.test/next", "//elsewhere.test/next", "next"])
def test_the_token_goes_to_no_place_that_an_answer_names(place: str) -> None:
    source = Source([httpx.Response(200, text="ok")])
    with pytest.raises(PermanentError, match="another place"):
        source.client.get(place)
    assert source.calls == 0


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
DRIPPING = {
    "headers": (b"", HEAD + b"X-Long: " + b"x" * 10_000),
    "body": (HEAD + b"Content-Length: 10000\r\n\r\n", b"x" * 10_000),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 2_000),
}
"""What a server sends at once, and what it sends by the byte."""


@contextmanager
def dripping_server(at_once: bytes, by_the_byte: bytes, *, times: int) -> Iterator[tuple[str, list[str]]]:
    """A server that answers at once, but for its first few answers to `/slow`, which come by the byte.

    Yields:
        Its address, and the paths that it was asked for.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path == "/slow" and asked.count("/slow") <= times:
                with suppress(OSError):
                    self.wfile.write(at_once)
                    for byte in by_the_byte:
                        self.wfile.write(bytes([byte]))
                        time.sleep(0.02)
                self.close_connection = True
                return
            self.wfile.write(HEAD + b"Content-Length: 2\r\n\r\nok")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.server
@pytest.mark.parametrize("as_stored", [False, True])
@pytest.mark.parametrize("part", DRIPPING)
def test_an_answer_that_drips_is_left_in_time(
    home: object, monkeypatch: pytest.MonkeyPatch, part: str, as_stored: bool
) -> None:
    """Each byte comes long before a read times out; all of them would take minutes."""
    monkeypatch.setenv("PARTNER_WAREHOUSE_CALL_SECONDS", "1.2")
    with (
        dripping_server(*DRIPPING[part], times=100) as (address, asked),
        SourceClient("slow", address, authorise=lambda _: {}, sleep=lambda _: None) as client,
    ):
        # The connection is kept, and has the limits of each call that it serves.
        assert client.get("/quick").text == "ok"
        time.sleep(0.5)
        assert client.get("/quick").text == "ok"
        began = time.monotonic()
        with pytest.raises(TransientError, match=r"GET /slow: ReadTimeout"):
            client.get("/slow", as_stored=as_stored)
        assert time.monotonic() - began < 2.4
        assert asked.count("/slow") >= 2


@pytest.mark.server
@pytest.mark.parametrize("part", DRIPPING)
def test_an_answer_that_dripped_is_asked_for_again(home: object, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    monkeypatch.setenv("PARTNER_WAREHOUSE_CALL_SECONDS", "3")
    with (
        dripping_server(*DRIPPING[part], times=1) as (address, asked),
        SourceClient("slow", address, authorise=lambda _: {}, sleep=lambda _: None) as client,
    ):
        assert client.get("/slow").text == "ok"
        assert asked == ["/slow", "/slow"]
