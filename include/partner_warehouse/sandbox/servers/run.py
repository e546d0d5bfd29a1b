"""Starts the four servers in one process, one port each, and says where they are."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette

from partner_warehouse.sandbox.calendar import AS_OF, iso_instant
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers.common import CLIENT_ID, SECRET, Clock, FaultPlan
from partner_warehouse.sandbox.servers.events import EventsServer
from partner_warehouse.sandbox.servers.hubspot import HubSpotServer
from partner_warehouse.sandbox.servers.salesforce import SalesforceServer
from partner_warehouse.sandbox.servers.stripe import StripeServer
from partner_warehouse.sandbox.stripe_records import API_VERSION

HTTP_SOURCES = ("salesforce", "hubspot", "stripe", "events")
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Endpoints:
    """Where the servers listen, and with what one connects.

    Attributes:
        urls: Base URL by source.
        clock: The sandbox's clock.
        plans: What each server injected so far, by source.
    """

    urls: dict[str, str]
    clock: Clock
    plans: dict[str, FaultPlan]

    def description(self) -> dict[str, Any]:
        """The content of `sandbox.json`."""
        return {
            "salesforce": {
                "url": self.urls["salesforce"],
                "client_id": CLIENT_ID,
                "client_secret": SECRET,
                "refresh_token": SECRET,
                "version": "v62.0",
            },
            "hubspot": {"url": self.urls["hubspot"], "token": SECRET},
            "stripe": {"url": self.urls["stripe"], "api_key": SECRET, "version": API_VERSION},
            "events": {"url": self.urls["events"], "token": SECRET},
            "now": iso_instant(self.clock.now),
            "connections": connection_variables(self.urls),
        }


def connection_variables(urls: dict[str, str]) -> dict[str, str]:
    """The variables that give Airflow (and the command line) the sandbox's connections.

    Args:
        urls: Base URL by source, as in `sandbox.json`.
    """
    versions = {"salesforce": "v62.0", "hubspot": "v3", "stripe": API_VERSION, "events": "v1"}
    return {
        f"AIRFLOW_CONN_{source.upper()}_DEFAULT": orjson.dumps(
            {
                "conn_type": "http",
                "host": urls[source],
                "login": CLIENT_ID,
                "password": SECRET,
                "extra": {"api_version": versions[source]},
            }
        ).decode()
        for source in HTTP_SOURCES
    }


def applications(
    company: Company, clock: Clock, event_shape: str = "segment"
) -> tuple[dict[str, Starlette], dict[str, FaultPlan]]:
    """The four applications over one company and one clock, and their fault plans."""
    faults = company.profile.faults
    plans = {source: FaultPlan(faults, company.seed, source) for source in HTTP_SOURCES}
    apps = {
        "salesforce": SalesforceServer(clock, plans["salesforce"], faults).app(),
        "hubspot": HubSpotServer(clock, plans["hubspot"], repeated_rows=company.profile.defects.repeated_rows).app(),
        "stripe": StripeServer(clock, plans["stripe"]).app(),
        "events": EventsServer(company, clock, plans["events"], event_shape).app(),
    }
    return apps, plans


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process that runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class Running:
    """The four servers on one event loop."""

    def __init__(
        self, company: Company, now: datetime, inbox: Path | None, port: int, event_shape: str = "segment"
    ) -> None:
        clock = Clock(company, now, inbox)
        apps, plans = applications(company, clock, event_shape)
        self._sockets = {source: _listen(port + place if port else 0) for place, source in enumerate(HTTP_SOURCES)}
        urls = {source: f"http://{LOOPBACK}:{held.getsockname()[1]}" for source, held in self._sockets.items()}
        self.endpoints = Endpoints(urls, clock, plans)
        self._servers = {
            source: _Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
            for source, app in apps.items()
        }

    async def run(self) -> None:
        """Serve until `stop`."""
        await asyncio.gather(
            *(server.serve(sockets=[self._sockets[source]]) for source, server in self._servers.items())
        )

    def stop(self) -> None:
        """End all servers; may be called from another thread or a signal handler."""
        for server in self._servers.values():
            server.should_exit = True


def _listen(port: int) -> socket.socket:
    # Named as TCP, so that asyncio switches Nagle's algorithm off: with it, each answer took 40 ms.
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((LOOPBACK, port))
    held.listen(128)
    return held


@contextmanager
def serve(
    company: Company,
    *,
    now: datetime = AS_OF,
    inbox: Path | None = None,
    port: int = 0,
    event_shape: str = "segment",
) -> Iterator[Endpoints]:
    """Serve a company from a thread of this process, for as long as the context lasts.

    Args:
        company: What to serve.
        now: The instant that the sources show at first.
        inbox: Where to write the file drop, if anywhere; it follows the clock.
        port: The first of four ports in a row; 0 takes free ones.
        event_shape: `segment` or `snowplow`.
    """
    running = Running(company, now, inbox, port, event_shape)
    thread = threading.Thread(target=lambda: asyncio.run(running.run()), name="sandbox", daemon=True)
    thread.start()
    try:
        yield running.endpoints
    finally:
        running.stop()
        thread.join(timeout=10)
