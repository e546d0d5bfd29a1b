"""Whatever happens to the entitlement, and in whatever order people act, nothing is lost and nothing is paid twice."""

from __future__ import annotations

import csv
import random
import shutil
import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as examples
from killed_action import act
from ledger_publication import line, plans, publish
from sqlalchemy import func, select

from partner_warehouse.errors import NotAllowedError
from partner_warehouse.ledger import schema, store
from partner_warehouse.ledger.events import CLOSED
from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.settings import Settings, load_settings

PARTNERS = ("p1", "p2")
cents = strategies.integers(-20_000, 20_000).map(lambda value: str(Decimal(value) / 100))
entitlements = strategies.dictionaries(
    strategies.sampled_from([f"l{number}" for number in range(6)]), cents, max_size=6
)
actions = strategies.lists(
    strategies.one_of(
        entitlements.map(lambda lines: ("entitle", lines)),
        strategies.sampled_from([("draft",), ("submit",), ("approve",), ("approve",), ("reject",), ("month",)]),
        strategies.sampled_from([("draft",), ("submit",), ("approve",)]),
    ),
    max_size=25,
)


@examples(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=actions)
def test_posted_is_the_entitlement_approved_last(actions):
    home = Path(tempfile.mkdtemp())
    try:
        _play(home, actions)
    finally:
        shutil.rmtree(home)


def _play(home: Path, actions: list[tuple]) -> None:
    installation = load_settings(
        home=home, ledger_url=None, plans=plans(home / "plans", base="", fifty="50"), approvers=("ben",)
    )
    publish(installation, [])
    service, month = PayoutService(installation), 1
    entitled: dict[str, Decimal] = {}
    approved: dict[str, Decimal] = {}
    for action, *details in actions:
        period = f"2026-{month:02d}"
        if action == "entitle":
            entitled = {line_id: Decimal(amount) for line_id, amount in details[0].items()}
            publish(installation, [_line(line_id, amount) for line_id, amount in entitled.items()])
        elif action == "month":
            state = service.state(period)
            month += state is not None and state.status in CLOSED and month < 12
        elif service.state(period) is not None or action == "draft":
            try:
                state = getattr(service, action)(period, "ben" if action == "approve" else "ana")
            except NotAllowedError:
                continue
            if state.status == "approved":
                approved = dict(entitled)
    _check(service, installation, approved)


def _check(service: PayoutService, installation: Settings, approved: dict[str, Decimal]) -> None:
    """Posted is what was entitled at the last approval, line by line; what is paid and carried is what is posted."""
    assert service.verify() == []
    with store.Store(installation).reading() as connection:
        lines = schema.payout_lines.c
        total = func.sum(lines.amount, type_=lines.amount.type)
        by_line = dict(
            connection.execute(select(lines.commission_line_id, total).group_by(lines.commission_line_id)).all()
        )
        by_partner = dict(connection.execute(select(lines.partner_id, total).group_by(lines.partner_id)).all())
        payouts = connection.execute(select(schema.payouts).order_by(schema.payouts.c.period)).mappings().all()
    assert {line_id: amount for line_id, amount in by_line.items() if amount} == {
        line_id: amount for line_id, amount in approved.items() if amount
    }
    paid: dict[str, Decimal] = defaultdict(Decimal)
    closing: dict[str, Decimal] = defaultdict(Decimal)
    for payout in payouts:
        assert payout["opening_balance"] == closing[payout["partner_id"]]
        paid[payout["partner_id"]] += payout["payable"]
        closing[payout["partner_id"]] = payout["closing_balance"]
    for partner in PARTNERS:
        assert paid[partner] + closing[partner] == by_partner.get(partner, 0)


MOMENTS = {"draft": 66, "submit": 14, "approve": 27, "reject": 14, "export": 27}
"""Somewhat more than an action has, so that it survives now and then."""


@pytest.mark.parametrize("seed", range(2))
def test_a_process_that_is_killed_posts_wholly_or_not_at_all(
    seed: int, settings: Settings, service: PayoutService
) -> None:
    """Every action is killed somewhere and asked for again; entitlement changes in between, and comes late."""
    chance = random.Random(seed)  # noqa: S311
    entitled: dict[str, Decimal] = {}
    approved: dict[str, Decimal] = {}
    kills = 0
    for month in (1, 2, 3):
        period = f"2026-{month:02d}"
        for action in ("draft", "submit", chance.choice(["reject", "late"]), "draft", "submit", "approve", "export"):
            if action in {"draft", "late"} and chance.random() < 0.8:
                entitled = {f"l{number}": Decimal(chance.randint(-9_000, 9_000)) / 100 for number in range(6)}
                publish(settings, [_line(line_id, amount) for line_id, amount in entitled.items()])
            elif not settings.published_path.exists():
                publish(settings, [])
            if action == "late":
                continue
            user = "ben" if action == "approve" else "ana"
            kills += not act(settings, action, period, user, chance.randint(1, MOMENTS[action]))
            act(settings, action, period, user, 0)
            state = service.state(period)
            assert state is not None
            if action == "approve":
                assert state.status == "approved"
                approved = dict(entitled)
    assert kills > 10
    _check(service, settings, approved)
    for state in service.states():
        bills = (settings.home / "exports" / state.period / "bills.csv").read_text(encoding="utf-8").splitlines()
        billed = sum(Decimal(row["amount"]) for row in csv.DictReader(bills))
        assert billed == sum(payout["payable"] for payout in service.payouts(state.period))
        assert billed == sum(total.payable for total in state.totals)


def _line(line_id: str, amount: Decimal) -> dict:
    number = int(line_id[1:])
    plan = ("base", "fifty")[number % 2]
    return line(line_id, str(amount), "2026-01-05", partner_id=PARTNERS[number % 2], plan_id=plan)
