"""What every test shares: an installation of its own, in a temporary home."""

from __future__ import annotations

from pathlib import Path

import pytest

from partner_warehouse.settings import Settings, load_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh `PARTNER_WAREHOUSE_HOME`, with no other setting of the developer's environment in force."""
    import os

    for name in [name for name in os.environ if name.startswith(("PARTNER_WAREHOUSE_", "AIRFLOW_CONN_"))]:
        monkeypatch.delenv(name)
    directory = tmp_path / "home"
    directory.mkdir()
    monkeypatch.setenv("PARTNER_WAREHOUSE_HOME", str(directory))
    return directory


@pytest.fixture
def settings(home: Path) -> Settings:
    """The settings of that installation."""
    return load_settings()
