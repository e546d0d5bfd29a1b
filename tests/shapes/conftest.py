"""An installation whose catalog has every table of the raw shapes, landed and staged once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from raw_shapes import Landing, Shape, read_shapes

from partner_warehouse.landing.store import connect
from partner_warehouse.settings import load_settings


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Shape]]:
    """Every table, by `source.table`; what the product does not declare is added to its catalog."""
    found = read_shapes()
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PARTNER_WAREHOUSE_CATALOG", raising=False)
        directory = tmp_path_factory.mktemp("catalog")
        added: dict[str, dict[str, Any]] = {}
        for shape in found:
            if not shape.is_declared:
                added.setdefault(shape.source, {})[shape.name] = shape.addition()
        for source, objects in added.items():
            (directory / f"{source}.yml").write_text(yaml.safe_dump({"objects": objects}, sort_keys=False))
        environment.setenv("PARTNER_WAREHOUSE_CATALOG", str(directory))
        yield {f"{shape.source}.{shape.table}": shape for shape in found}


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landing]:
    """An installation to land into."""
    settings = load_settings(home=tmp_path_factory.mktemp("shapes"), plans=None)
    with connect(settings) as connection:
        yield Landing(settings, connection)
