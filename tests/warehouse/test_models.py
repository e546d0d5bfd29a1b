"""The models' logic, and that the project builds before anything has arrived."""

from __future__ import annotations

from partner_warehouse.settings import Settings
from partner_warehouse.warehouse import runner


def test_the_project_builds_over_nothing_and_every_unit_test_holds(settings: Settings) -> None:
    """Unit tests read the columns of the models that they feed, so those are built first."""
    runner.prepare(settings)
    for layer in runner.LAYERS:
        runner.build(layer, settings)
    result = runner.unit_test(settings)
    assert result.nodes
    assert {node.status for node in result.nodes} == {"pass"}
