"""One way to ask a source: bounded retries with back-off and jitter, Retry-After honoured, a token refreshed once.

A fault is transient (worth another try) or permanent by the source's own rules. Messages name the source, the call and
the source's error code; never a header, a parameter or a body, which could hold a secret or somebody's data.
"""

from __future__ import annotations

import math
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx
import orjson

from partner_warehouse.errors import PermanentError, TransientError
from partner_warehouse.extract.raw_json import parse
from partner_warehouse.settings import load_settings

ATTEMPTS = 8
"""Tries of one call, in all."""

LONGEST_WAIT = 60.0
"""Seconds to wait inside a call; when a source asks for more, the task ends and is tried again later."""

TRIES_THAT_TAKE_LONG = 3
"""For so many tries that get no whole answer the time of a call is enough (`Settings.call_seconds`)."""

_FIRST_WAIT, _LONGEST_BACKOFF = 0.5, 30.0
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529})
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")

TransientRule = Callable[[httpx.Response, str | None], bool]
"""Whether an answer, with its error code, is worth another try, besides the usual statuses."""


def _no_rule(response: httpx.Response, code: str | None) -> bool:
    return False


class RefusedError(PermanentError):
    """The source refused a call.

    Attributes:
        status: The HTTP status.
        code: The source's error code, if it gave one.
    """

    def __init__(self, message: str, *, status: int, code: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class SourceClient:
    """Asks one source. Not for several threads at once, unless its headers never change.

    Args:
        source: Its name, for messages.
        base_url: Scheme and host; paths are below it.
        authorise: Gives the headers that authorise a call; it is called again, with `True`, after a 401.
        is_transient: The source's own rule.
        transport: For tests.
        sleep: For tests.
        clock: For tests.
    """

    def __init__(
        self,
        source: str,
        base_url: str,
        *,
        authorise: Callable[[bool], Mapping[str, str]],
        is_transient: TransientRule = _no_rule,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise PermanentError(f"{source}: the connection's host is no URL: write https://…")
        try:
            httpx.URL(base_url)
            _ = urlsplit(base_url).port
        except (httpx.InvalidURL, ValueError):
            raise PermanentError(f"{source}: the connection's host is no URL that can be called") from None
        self._source = source
        self._authorise = authorise
        self._is_transient = is_transient
        self._sleep = sleep or pause
        self._clock = clock
        self._longest = load_settings().call_seconds
        self._ends = threading.local()
        self._http = httpx.Client(
            base_url=base_url, timeout=httpx.Timeout(60.0, connect=10.0), transport=transport, follow_redirects=False
        )

    def __enter__(self) -> SourceClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        """GET below the base URL. See `call`."""
        return self.call("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> httpx.Response:
        """POST below the base URL. See `call`."""
        return self.call("POST", path, **kwargs)

    def wait(self, seconds: float) -> None:
        """Wait for something that the source does in its own time."""
        self._sleep(seconds)

    def call(
        self,
        method: str,
        path: str,
        *,
        holds: str | None = None,
        lists: str | None = None,
        as_stored: bool = False,
        authorised: bool = True,
        **kwargs: Any,
    ) -> httpx.Response:
        """Ask until there is an answer, or no further try is worth it.

        Args:
            method: HTTP method.
            path: Below the base URL, without parameters.
            holds: What the answer, a JSON object, has as a member that is not null. One that has not (a proxy's page,
                half a body) is a fault that passes.
            lists: The same, of a member that is an array: null is no empty page.
            as_stored: Leave the content as it was sent, whatever compression the answer names.
            authorised: Whether the call needs authorisation (fetching the token itself does not).
            kwargs: As for httpx: `params`, `json`, `data`, `headers`.

        Raises:
            RefusedError: The source refused in a way that stays.
            TransientError: It failed in a way that passes, `ATTEMPTS` times, or for `Settings.call_seconds`.
        """
        if authorised and (not path.startswith("/") or path.startswith("//")):
            # Where the next page is, an answer says; the token goes where the connection says, and nowhere else.
            raise PermanentError(f"{self._source}: an answer points to another place than the connection's host")
        headers = dict(kwargs.pop("headers", None) or {})
        refreshed = False
        backoff = _FIRST_WAIT
        began = self._clock()
        for attempt in range(1, ATTEMPTS + 1):
            permit = dict(self._authorise(False)) if authorised else {}
            # Asking for the token was a call of its own: what it had of time is not this one's.
            self._ends.at = min(began + self._longest, self._clock() + self._longest / TRIES_THAT_TAKE_LONG)
            try:
                response = self._ask(method, path, as_stored, headers=headers | permit, **kwargs)
            except (httpx.TransportError, httpx.DecodingError) as error:
                fault = TransientError(f"{self._source}: {method} {path}: {type(error).__name__}")
            else:
                if response.is_success and _is_whole(response, holds, lists):
                    return response
                if response.status_code == httpx.codes.UNAUTHORIZED and authorised and not refreshed:
                    self._authorise(True)
                    refreshed = True
                    continue
                fault = self._fault(response, method, path)
            wait = fault.retry_after if fault.retry_after is not None else _jitter(backoff)
            too_long = self._clock() - began + wait > self._longest
            if attempt == ATTEMPTS or wait > LONGEST_WAIT or too_long:
                raise TransientError(f"{fault} ({attempt} tries)", retry_after=fault.retry_after)
            self._sleep(wait)
            backoff = min(backoff * 2, _LONGEST_BACKOFF)
            # A token may expire again while the source is being waited for.
            refreshed = False
        raise TransientError(f"{self._source}: {method} {path}: the token expired again and again")

    def _ask(self, method: str, path: str, as_stored: bool, **kwargs: Any) -> httpx.Response:
        kwargs["extensions"] = {"trace": self._end_in_time}
        if not as_stored:
            return self._http.request(method, path, **kwargs)
        with self._http.stream(method, path, **kwargs) as answer:
            content = b"".join(answer.iter_raw())
        headers = [(name, value) for name, value in answer.headers.multi_items() if name != "content-encoding"]
        return httpx.Response(answer.status_code, headers=headers, content=content, request=answer.request)

    def _end_in_time(self, event: str, told: Mapping[str, Any]) -> None:
        """Have a new connection read until the end of the try that it serves, and no longer.

        httpx has a limit for each piece of an answer and none for the whole: one that drips would never end.
        """
        if not event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            return
        stream = told["return_value"]
        read = stream.read

        def read_in_time(max_bytes: int, timeout: float | None = None) -> Any:
            left = self._ends.at - self._clock()
            if left <= 0:
                raise httpcore.ReadTimeout
            return read(max_bytes, left if timeout is None else min(timeout, left))

        stream.read = read_in_time

    def _fault(self, response: httpx.Response, method: str, path: str) -> TransientError:
        """The transient fault of an answer.

        Raises:
            RefusedError: It is permanent.
        """
        if response.is_success:
            return TransientError(f"{self._source}: {method} {path}: HTTP {response.status_code} without its content")
        code = error_code(response)
        what = f"{self._source}: {method} {path}: HTTP {response.status_code}{f' {code}' if code else ''}"
        if response.status_code in _TRANSIENT or self._is_transient(response, code):
            return TransientError(what, retry_after=retry_after(response))
        hint = {401: "; check the connection's credentials", 403: "; check the rights of the connection's user"}
        raise RefusedError(what + hint.get(response.status_code, ""), status=response.status_code, code=code)


def _is_whole(response: httpx.Response, holds: str | None, lists: str | None) -> bool:
    if holds is None and lists is None:
        return True
    try:
        document = parse(response.content)
    except ValueError:
        return False
    if not isinstance(document, dict):
        return False
    is_held = holds is None or document.get(holds) is not None
    return is_held and (lists is None or isinstance(document.get(lists), list))


class Onward:
    """Watches the tokens of a listing's pages: one that comes again would lead in a circle for ever.

    Args:
        what: The listing, for the message.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._seen: set[str] = set()

    def to(self, token: str) -> str:
        """The token of the next page.

        Raises:
            TransientError: It was the token of a page before.
        """
        if token in self._seen:
            raise TransientError(f"{self._what}: the listing goes in a circle; nothing of it was taken")
        self._seen.add(token)
        return token


def pause(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


def _jitter(backoff: float) -> float:
    """Between half of a wait and all of it, so that parallel calls do not come back at once."""
    return backoff * (0.5 + random.SystemRandom().random() / 2)


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that the source asked to wait, from the Retry-After header in either of its forms."""
    value: str | None = response.headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        return max(0.0, (parsedate_to_datetime(value).astimezone(UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def error_code(response: httpx.Response) -> str | None:
    """The source's error code, when it is one: a plain word, in one of the places where the sources put it."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    if isinstance(body, list):
        body = body[0] if body else {}
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    candidates = [body.get("policyName"), body.get("errorCode"), body.get("category"), body.get("errorType"), error]
    if isinstance(error, dict):
        candidates = [error.get("code"), error.get("type")]
    for candidate in candidates:
        if isinstance(candidate, str) and _CODE.fullmatch(candidate):
            return candidate
    return None
