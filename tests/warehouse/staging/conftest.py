"""A landing of its own for each module of tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from landed_warehouse import Warehouse

from partner_warehouse.settings import load_settings


@pytest.fixture(scope="session")
def new_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Warehouse]:
    """Make an empty landing in a home of its own."""

    def make(name: str) -> Warehouse:
        return Warehouse(load_settings(home=tmp_path_factory.mktemp(name), plans=None))

    return make
