"""What the four servers share: the moving clock, the faults on purpose, and the routes that steer the sandbox."""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from partner_warehouse.errors import BadInputError
from partner_warehouse.sandbox.calendar import AS_OF, iso_instant
from partner_warehouse.sandbox.chance import Chance
from partner_warehouse.sandbox.company import Company, Snapshot
from partner_warehouse.sandbox.profiles import Faults

Handler = Callable[[Request], Awaitable[Response]]

CLIENT_ID = "sandbox"
SECRET = "sandbox-only-9f3c2e71"  # noqa: S105 - the fixed credential of a loopback server that holds invented data
"""Client id, client secret, private-app token, API key and collector token of the sandbox."""


class Json(Response):
    """A JSON response, serialised by orjson."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Serialise the content."""
        return orjson.dumps(content)


class Clock:
    """The sandbox's "now", and the sources as they stand at it. It moves only when it is told to."""

    def __init__(self, company: Company, now: datetime = AS_OF, inbox: Path | None = None) -> None:
        self._company = company
        self._inbox = inbox
        self.snapshot: Snapshot = company.as_of(now)
        self._deliver()

    @property
    def now(self) -> datetime:
        """The instant that the sources show."""
        return self.snapshot.now

    def move(self, now: datetime) -> None:
        """Show the sources, and the file drop where there is one, as of another instant.

        Raises:
            BadInputError: The instant has no offset or is beyond the company's horizon.
        """
        self.snapshot = self._company.as_of(now)
        self._deliver()

    def _deliver(self) -> None:
        if self._inbox is not None:
            self._company.write_inbox(self._inbox, self.now)


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure to answer with: `429` (with Retry-After), `429-bare`, `500` or `503`."""

    kind: str
    retry_after: int


class FaultPlan:
    """Decides which request fails. By the seed and the order of requests; bounded, so that retrying always helps.

    One and the same request (method, path, query, body) never fails more than `Faults.per_request` times.
    """

    def __init__(self, faults: Faults, seed: int, source: str) -> None:
        self._faults = faults
        self._chance = Chance(seed, f"faults:{source}")
        self._failed: Counter[bytes] = Counter()
        self._due: list[str] = []
        self._lock = threading.Lock()
        self.requests = 0
        self.injected: Counter[str] = Counter()

    def next(self, identity: bytes) -> Fault | None:
        """Whether this request fails, and how."""
        with self._lock:
            self.requests += 1
            if kind := self._faults.scripted.get(self.requests):
                self._due.append(kind)
            elif self._faults.rate and self._chance.happens(self._faults.rate):
                self._due.append(self._chance.one(("429", "429-bare", "500", "503")))
            key = hashlib.blake2b(identity, digest_size=16).digest()
            if not self._due or self._failed[key] >= self._faults.per_request:
                return None
            self._failed[key] += 1
            kind = self._due.pop(0)
            self.injected[kind] += 1
            return Fault(kind, self._faults.retry_after)


async def identity_of(request: Request) -> bytes:
    """What makes two requests the same one."""
    return f"{request.method} {request.url.path}?{request.url.query}".encode() + await request.body()


def password_of(request: Request) -> str | None:
    """The secret of a Bearer or Basic authorisation (of Basic the user name, as Stripe has it), or None."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def steering_routes(clock: Clock, plan: FaultPlan) -> list[Route]:
    """`/_sandbox/clock` (GET, POST {"now": …}) and `/_sandbox/stats`, for loopback callers only."""

    async def show_or_move(request: Request) -> Response:
        if request.client is None or request.client.host not in ("127.0.0.1", "::1"):
            return Json({"error": "the sandbox is steered from this machine only"}, status_code=403)
        if request.method == "POST":
            try:
                now = datetime.fromisoformat(str(orjson.loads(await request.body())["now"]))
                clock.move(now.astimezone(UTC) if now.tzinfo else now)
            except (ValueError, KeyError, TypeError, BadInputError) as error:
                return Json({"error": str(error)}, status_code=400)
        return Json({"now": iso_instant(clock.now)})

    async def stats(_: Request) -> Response:
        return Json({"now": iso_instant(clock.now), "requests": plan.requests, "faults": dict(plan.injected)})

    return [Route("/_sandbox/clock", show_or_move, methods=["GET", "POST"]), Route("/_sandbox/stats", stats)]
