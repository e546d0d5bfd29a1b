"""Reads what a test landed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from landed_records import rows

from partner_warehouse.settings import Settings


@pytest.fixture
def landed(settings: Settings) -> Callable[..., list[dict[str, Any]]]:
    """Reads the rows of the test's installation."""
    return lambda kind="data", columns="*": rows(settings, kind, columns)
