"""No expectation of a suite is lost on its way into Great Expectations."""

from __future__ import annotations

import great_expectations as gx
import pytest

from partner_warehouse.quality import gates, suites


@pytest.mark.parametrize("stage", suites.STAGES)
def test_every_expectation_of_a_suite_is_held(stage: suites.Stage) -> None:
    for suite in suites.load_suites(stage):
        assert len(gates._gx_suite(gx, suite).expectations) == len(suite.expectations), suite.name
