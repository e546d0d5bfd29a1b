"""One company for all commission cases: each has ids of its own, so they share two builds and one row of months."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from commission_cases import (
    AS_OF,
    LATER,
    LATER_BEGINS,
    PERIODS,
    SCENARIOS,
    Company,
    approve,
    build_commissions,
    deliver,
    installation,
    land_ledger,
    lay_out,
    publish,
    publish_postings,
)


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Built, approved up to the month before `LATER`, built with what was posted and came later, and so to the end."""
    cases = sorted(SCENARIOS.iterdir())
    home = tmp_path_factory.mktemp("commissions") / "home"
    settings = lay_out(cases, home)
    with installation(settings):
        build_commissions(settings, LATER_BEGINS)
        publish(settings, settings.published_path)
        for period in PERIODS:
            if period == LATER:
                deliver(cases, settings, "later")
                land_ledger(settings)
                build_commissions(settings, AS_OF)
                publish(settings, settings.published_path)
            approve(period)
        entitlement = settings.published_path.with_name("entitlement.duckdb")
        settings.published_path.rename(entitlement)
        publish_postings(settings)
    return Company(settings, entitlement)


@pytest.fixture(scope="session")
def warehouse(company: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The entitlement of all cases, open for reading."""
    with duckdb.connect(str(company.entitlement), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@pytest.fixture(scope="session")
def published(company: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The publication after all months, open for reading."""
    with duckdb.connect(str(company.settings.published_path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
