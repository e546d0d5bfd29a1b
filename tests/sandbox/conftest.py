"""A company of a tenth of the usual size, and the four servers over it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from salesforce_client import Org

from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers.common import SECRET
from partner_warehouse.sandbox.servers.run import Endpoints, serve


@pytest.fixture(scope="session")
def company() -> Company:
    """The small company with its usual defects."""
    return Company.generate(seed=7, scale=0.1)


@pytest.fixture(scope="session")
def flawless() -> Company:
    """A company whose servers never fail on purpose."""
    return Company.generate(seed=7, scale=0.1, profile_name="clean")


@pytest.fixture(scope="module")
def endpoints(flawless: Company) -> Iterator[Endpoints]:
    """Servers that always answer, from "today" on; a module that moves the clock sets it back."""
    with serve(flawless) as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A plain HTTP client, authorised with the sandbox's secret."""
    with httpx.Client(headers={"Authorization": f"Bearer {SECRET}"}, timeout=10) as opened:
        yield opened


@pytest.fixture
def org(endpoints: Endpoints) -> Iterator[Org]:
    """A client of the Salesforce server."""
    opened = Org(endpoints.urls["salesforce"])
    yield opened
    opened.http.close()
