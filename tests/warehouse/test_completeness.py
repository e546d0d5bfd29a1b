"""What makes a warehouse whole, and what takes it back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from partner_warehouse.errors import GateFailedError, PartnerWarehouseError
from partner_warehouse.quality import gates
from partner_warehouse.settings import Settings
from partner_warehouse.warehouse import completeness, runner
from partner_warehouse.warehouse.completeness import STEPS

STAGING, STAGING_GATE, MARTS, MARTS_GATE = STEPS


@pytest.fixture
def prepared(settings: Settings) -> Settings:
    runner.prepare(settings)
    return settings


@pytest.fixture
def whole(prepared: Settings) -> Settings:
    for step in STEPS:
        assert not completeness.is_whole(prepared)
        completeness.done(step, prepared)
    assert completeness.is_whole(prepared)
    return prepared


def _build(layer: runner.Layer, settings: Settings, fault: Exception | None = None, select: str | None = None) -> None:
    def dbt(*_: object) -> None:
        # Who looks meanwhile, or after a kill, finds it not whole.
        assert not completeness.is_whole(settings)
        if fault:
            raise fault

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "_dbt", dbt)
        runner.build(layer, settings, select=select)


def _gate(stage: str, settings: Settings, *, success: bool) -> None:
    result = gates.ExpectationResult(stage, "finance", "lines", "e", None, success, 1, 0, (), "", "")  # type: ignore[arg-type]
    settings.warehouse_path.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gates, "_validate", lambda *_: (result,))
        gates.check(stage, settings)  # type: ignore[arg-type]


def test_a_home_without_a_note_is_not_whole(settings: Settings) -> None:
    assert not completeness.is_whole(settings)
    assert not completeness.is_built(settings)


def test_the_steps_in_their_order_make_it_whole(prepared: Settings) -> None:
    for layer in runner.LAYERS:
        assert not completeness.is_built(prepared)
        _build(layer, prepared)
        assert not completeness.is_whole(prepared)
        _gate(layer, prepared, success=True)
    assert completeness.is_built(prepared)
    assert completeness.is_whole(prepared)


def test_a_step_that_was_passed_over_is_missing_to_the_end(prepared: Settings) -> None:
    _build("staging", prepared)
    _build("marts", prepared)
    _gate("marts", prepared, success=True)
    assert not completeness.is_whole(prepared)


def test_new_parameters_take_everything_back(whole: Settings) -> None:
    runner.prepare(whole)
    assert not completeness.is_built(whole)


def test_parameters_that_came_from_elsewhere_do_too(whole: Settings) -> None:
    note = completeness._path(whole).read_bytes()
    runner.prepare(whole, as_of=datetime(2026, 1, 1, tzinfo=UTC))
    completeness._path(whole).write_bytes(note)
    assert not completeness.is_built(whole)


@pytest.mark.parametrize("fault", [GateFailedError("a test failed"), PartnerWarehouseError("a model"), OSError()])
@pytest.mark.parametrize("layer", runner.LAYERS)
def test_a_layer_that_failed_is_not_built(whole: Settings, layer: runner.Layer, fault: Exception) -> None:
    with pytest.raises(type(fault)):
        _build(layer, whole, fault)
    assert not completeness.is_built(whole)
    _gate("marts", whole, success=True)
    assert not completeness.is_whole(whole)


def test_a_part_of_a_layer_is_not_the_layer(whole: Settings) -> None:
    _build("marts", whole, select="kpi_monthly")
    assert not completeness.is_built(whole)


@pytest.mark.parametrize("layer", runner.LAYERS)
def test_a_gate_that_failed_takes_the_build_back(whole: Settings, layer: runner.Layer) -> None:
    with pytest.raises(GateFailedError):
        _gate(layer, whole, success=False)
    assert not completeness.is_built(whole)


def test_the_marts_of_the_ledger_may_be_built_again_once_all_is_built(whole: Settings) -> None:
    """Killed or failed in between, another posting does it again."""
    with pytest.raises(GateFailedError):
        _build("ledger", whole, GateFailedError("a test failed"))
    assert completeness.is_built(whole)
    assert not completeness.is_whole(whole)
    _build("ledger", whole)
    _gate("marts", whole, success=True)
    assert completeness.is_whole(whole)
