"""Every commission policy as a case of files: what goes in, and the payouts, lines and exclusions that come out.

`expected_payouts.csv` is complete: each month that was drafted, submitted and approved by the commands and in which
something happened to a partner; in the others the balance stands. `expected_due.csv` is complete too: what each
partner is due, by the month in which it becomes payable, without what is held. `expected_exclusions.csv` and
`expected_lines.csv` name rows that must be there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from commission_cases import PERIODS, SCENARIOS, Company, read_csv

from partner_warehouse.ledger.explain import explain
from partner_warehouse.ledger.payouts import PayoutService

CASES = sorted(SCENARIOS.iterdir())
BALANCE = ("opening_balance", "earned", "adjustments", "payable", "closing_balance")


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Path:
    return request.param


def payouts(case: Path, published: duckdb.DuckDBPyConnection) -> dict[tuple[str, str, str], tuple[Decimal, ...]]:
    """The approved payouts of a case's partners, by period, partner and currency."""
    rows = published.execute(
        f"select period, partner_id, currency, {', '.join(BALANCE)} from finance.approved_payouts "
        "where starts_with(partner_id, ?)",
        [case.name.replace("_", "-") + "-"],
    ).fetchall()
    return {row[:3]: row[3:] for row in rows}


def test_approved_payouts(case: Path, published: duckdb.DuckDBPyConnection) -> None:
    found = payouts(case, published)
    expected = {
        (row["period"], row["partner_id"], row["currency"]): tuple(Decimal(row[name]) for name in BALANCE)
        for row in read_csv(case / "expected_payouts.csv")
    }
    closing: dict[tuple[str, str], Decimal] = {}
    for period in PERIODS:
        for key in sorted({key for key in [*found, *expected] if key[0] == period}):
            opened = closing.get(key[1:], Decimal(0))
            stands = (opened, Decimal(0), Decimal(0), Decimal(0), opened)
            assert found.get(key) == expected.get(key, stands), key
            closing[key[1:]] = found[key][4]
    assert expected
    assert expected.keys() <= found.keys()


def test_payouts_are_the_sums_of_their_lines(published: duckdb.DuckDBPyConnection) -> None:
    rows = published.execute(
        """
        select payouts.payout_id
        from finance.approved_payouts as payouts
        left join finance.approved_payout_lines as lines using (payout_id)
        group by payouts.payout_id, payouts.earned, payouts.adjustments, payouts.line_count
        having
            coalesce(sum(lines.amount), 0) <> payouts.earned + payouts.adjustments
            or count(lines.line_id) <> payouts.line_count
        """
    ).fetchall()
    assert rows == []


def test_a_first_posting_multiplies_out(published: duckdb.DuckDBPyConnection) -> None:
    """Base x rate x exchange rate is the amount, but for what is rounded: also where a part of the line waits.

    Of a fee, that of its band x scale x share is; of all other lines none is known.
    """
    rows = published.execute(
        """
        select line_id, currency, amount, cast(base_amount as decimal(38, 3)) * rate * fx_rate
        from finance.approved_payout_lines
        where
            component in ('percentage', 're_rate', 'bonus') and rate is not null
            and not starts_with(line_id, 'ADJ-')
        """
    ).fetchall()
    assert len(rows) > 100
    fees = published.execute(
        """
        select line_id, currency, amount, cast(fee as decimal(38, 3)) * rate * split_share
        from finance.approved_payout_lines
        where component = 'fixed_fee' and not starts_with(line_id, 'ADJ-')
        """
    ).fetchall()
    assert len(fees) > 10
    assert [row for row in fees if row[3] is None] == []
    others = "select line_id from finance.approved_payout_lines where component <> 'fixed_fee' and fee is not null"
    assert published.execute(others).fetchall() == []
    rows += fees
    smallest = defaultdict(lambda: Decimal("0.01"), JPY=Decimal(1), KWD=Decimal("0.001"))
    assert [row for row in rows if abs(row[3] - row[2]) >= smallest[row[1]]] == []


def test_due_by_month(case: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    if not (case / "expected_due.csv").exists():
        return
    rows = warehouse.execute(
        """
        select partner_id, currency, strftime(payable_on, '%Y-%m') as due_month, sum(amount)
        from finance.commission_lines
        where starts_with(partner_id, ?) and status <> 'held'
        group by all
        """,
        [case.name.replace("_", "-") + "-"],
    ).fetchall()
    found = {row[:3]: row[3] for row in rows}
    expected = {
        (row["partner_id"], row["currency"], row["due_month"]): Decimal(row["amount"])
        for row in read_csv(case / "expected_due.csv")
    }
    assert found == expected


def test_exclusions(case: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    for row in read_csv(case / "expected_exclusions.csv"):
        found = warehouse.execute(
            "select amount, currency from finance.exclusions "
            "where movement_kind = ? and movement_id = ? and reason = ?",
            [row["movement_kind"], row["movement_id"], row["reason"]],
        ).fetchall()
        assert found == [(Decimal(row["amount"]), row["currency"])], row


def test_nothing_is_due_after_the_last_payout(published: duckdb.DuckDBPyConnection) -> None:
    """What the next payout takes of what was earned by then; what is held is not in it."""
    rows = published.execute(
        "select plan_id, held, due from finance.accruals where strftime(month, '%Y-%m') = ?", [PERIODS[-1]]
    ).fetchall()
    assert len(rows) > 50
    assert {plan_id: held for plan_id, held, _ in rows if held} == {
        "holds-plan": 300,
        "reopened-plan": 84,
        "reached-with-held-tiers": 225,
    }
    assert [row for row in rows if row[2]] == []


def test_lines(case: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    for row in read_csv(case / "expected_lines.csv"):
        columns = [name for name in row if name != "movement_id"]
        found = warehouse.execute(
            f"select {', '.join(columns)} from finance.commission_lines where movement_id = ?", [row["movement_id"]]
        ).fetchall()
        texts = [tuple("" if value is None else str(value) for value in line) for line in found]
        assert texts == [tuple(row[name] for name in columns)], row


def test_the_view_explains_as_the_command_does(company: Company, published: duckdb.DuckDBPyConnection) -> None:
    """Payouts, posted lines, held and other lines of the entitlement, and exclusions, in the same words."""
    told = {"payout": "payout", "payout_line": "line", "entitlement_line": "line", "exclusion": "movement"}
    rows = published.execute(
        """
        select explained, explained_id, explanation
        from finance.explanations
        where explained <> 'entitlement_line' or explained_id not in (
            select line_id from finance.approved_payout_lines
        )
        qualify row_number() over (
            partition by explained, contains(explanation, 'held'), contains(explanation, 'corrects')
            order by explanation
        ) <= 3
        """
    ).fetchall()
    assert {row[0] for row in rows} == set(told)
    assert any("held (fraud_flag)" in row[2] for row in rows)
    for explained, ident, sentence in rows:
        assert sentence in explain(company.settings, **{told[explained]: ident}).summary, ident


_MULTIPLIED = re.compile(
    r"^(?P<amount>-?[\d.]+) \w{3} to .*: base (?P<base>-?[\d.]+) \w{3}(?: \(a share of [\d.]+ of the movement\))?"
    r" x rate (?P<rate>-?[\d.]+)(?: \(tier [^)]*\))?(?: x FX (?P<fx>[\d.]+) of [\d-]+)?"
    r"(?: = (?P<exact>-?[\d.]+), rounded (?:with its base )?by (?P<rounding>-?[\d.]+))?; earned"
)

_FEE = re.compile(
    r"^(?P<amount>-?[\d.]+) \w{3} to .*: fee (?P<base>[\d.]+) \w{3} for a deal of [\d.]+ \w{3}(?: \(tier [^)]*\))?"
    r"(?: at FX [\d.]+ of [\d-]+)?(?: x share (?P<share>[\d.]+))?(?: x scale (?P<rate>[\d.]+))?"
    r"(?: = (?P<exact>[\d.]+), rounded by (?P<rounding>-?[\d.]+))?; earned"
)


def test_what_is_said_of_a_line_multiplies_out(published: duckdb.DuckDBPyConnection) -> None:
    """Of every percentage, change of rate, measured bonus and fee, posted or not; what has no factors names none."""
    lines = published.execute(
        """
        select component, rate is not null and lines.amount is not null, explanation
        from finance.explanations
        inner join (
            select line_id, component, rate, amount from finance.approved_payout_lines
            union
            select line_id, component, rate, amount from finance.commission_lines
        ) as lines on explained_id = line_id
        where explained in ('payout_line', 'entitlement_line') and not starts_with(line_id, 'ADJ-')
        """
    ).fetchall()
    components = {row[0] for row in lines}
    assert components == {"percentage", "re_rate", "fixed_fee", "bonus", "cap"}
    for component, has_rate, said in lines:
        if not has_rate:
            assert " x rate" not in said
            continue
        found = (_FEE if component == "fixed_fee" else _MULTIPLIED).match(said)
        assert found, said
        factors = {"rate": None, "fx": None, "share": None} | found.groupdict()
        product = Decimal(found["base"])
        for factor in ("rate", "fx", "share"):
            product *= Decimal(factors[factor] or 1)
        exact, rounding = Decimal(found["exact"] or found["amount"]), Decimal(found["rounding"] or 0)
        assert abs(product - exact) <= Decimal("0.00005"), said
        assert exact + rounding == Decimal(found["amount"]), said


def test_what_is_said_of_an_adjustment_is_no_product(published: duckdb.DuckDBPyConnection) -> None:
    told = published.execute(
        "select component = 'balance', explanation from finance.explanations "
        "inner join finance.approved_payout_lines on explained_id = line_id "
        "where explained = 'payout_line' and line_id like 'ADJ-%'"
    ).fetchall()
    assert {is_balance for is_balance, _ in told} == {True, False}
    for is_balance, said in told:
        words = "whom the CRM merged; corrects" if is_balance else "the difference to what was posted before"
        assert words in said
        assert " = " not in said


def test_what_is_carried_is_said_with_its_reason(published: duckdb.DuckDBPyConnection) -> None:
    carried = published.execute(
        """
        select payouts.closing_balance, payouts.min_payout, told.explanation
        from finance.approved_payouts as payouts
        inner join finance.explanations as told on told.explained_id = payouts.payout_id
        """
    ).fetchall()
    assert {balance > 0 for balance, _, _ in carried if balance} == {True, False}
    for balance, least, said in carried:
        assert (f"below the smallest payout of {least}, and is paid once" in said) == (balance > 0), said
        assert ("set off against coming commissions" in said) == (balance < 0), said


def test_a_line_that_fell_away_is_said_to_be_reversed_once_it_is(
    company: Company, published: duckdb.DuckDBPyConnection
) -> None:
    """The line that was posted and the one that reverses it; what is not reversed waits for the next period."""
    gone = published.execute(
        """
        select line_id, sum(amount) over (partition by commission_line_id, partner_id) = 0 as is_reversed
        from finance.approved_payout_lines
        where component <> 'balance' and commission_line_id not in (select line_id from finance.commission_lines)
        """
    ).fetchall()
    assert {is_reversed for _, is_reversed in gone} == {True, False}
    for line, is_reversed in gone:
        *_, said = explain(company.settings, line=line).summary
        assert ("all that was posted of it is reversed" in said) == is_reversed, line
        assert ("the next period reverses" in said) != is_reversed, line


def test_what_was_paid_before_a_merger_is_explained_to_both(company: Company) -> None:
    """Salesforce merged P1 into P2: P1's payment was posted to P2, and what P1 had been paid for it is taken off."""
    before = explain(company.settings, payout="PO-2026-01-merged-partner-P1-USD")
    assert "100.000 payable" in before.summary[0]
    after = explain(company.settings, payout="PO-2026-05-merged-partner-P2-USD")
    assert "40.000 earned, -30.000 adjusted, 10.000 payable" in after.summary[0]
    posted = next(one for one in after.sections if one.title == "finance.approved_payout_lines")
    lines = [dict(zip(posted.columns, row, strict=True)) for row in posted.rows]
    assert sorted((row["movement_kind"], row["movement_id"], row["amount"]) for row in lines) == [
        ("merger", "merged-partner-P1", -100),
        ("payment", "merged-partner-inpay_1", 100),
        ("payment", "merged-partner-inpay_6", 40),
        ("refund", "merged-partner-re_1", -30),
    ]
    (merger,) = (row["line_id"] for row in lines if row["movement_kind"] == "merger")
    (said,) = explain(company.settings, line=merger).summary
    assert "the balance of partner merged-partner-P1, whom the CRM merged" in said


def test_the_ledger_is_whole(company: Company) -> None:
    assert PayoutService(company.settings).verify() == []


def test_a_missing_payout_is_in_the_view(published: duckdb.DuckDBPyConnection) -> None:
    """A partner that was never paid finds there what its line waits for."""
    found = published.execute(
        "select payout_id, movement_id, explanation from finance.explanations where partner_id = 'holds-P2'"
    ).fetchall()
    assert [row[:2] for row in found] == [(None, "holds-p2")]
    assert "held (partner_suspended)" in found[0][2]


def test_a_missing_payout_names_the_payment_and_the_reason(company: Company) -> None:
    """Ordered after the partner's end: there is no line to ask for, so the partner and its month must tell."""
    found = explain(company.settings, partner="v15-terminated-P1", period="2026-06")
    assert any(
        "500.000 USD of payment v15-terminated-p2 earn nothing: partner_terminated." in said for said in found.summary
    )
    other = explain(company.settings, partner="holds-P2", period="2026-06")
    assert not any("v15-terminated-p2" in said for said in other.summary)


@pytest.mark.parametrize(
    ("partner", "period", "reason"),
    [
        ("v10-payment-terms-P1", "2027-02", "was payable later, on 2027-03-02, and is in PO-2027-03-v10-payment-terms"),
        ("exchange-rate-later-P1", "2026-03", "was not known yet"),
    ],
)
def test_a_missing_payout_is_explained_when_what_it_waited_for_is_paid(
    company: Company, published: duckdb.DuckDBPyConnection, partner: str, period: str, reason: str
) -> None:
    """Who asks does so later: nothing waits any more, and the month has no payout all the same."""
    lines = published.execute(
        "select line_id from finance.approved_payout_lines where partner_id = ? and period > ? and earned_on <= "
        "last_day(cast(? || '-01' as date)) and corrects_line_id is null",
        [partner, period, period],
    ).fetchall()
    assert lines
    missing, *told = explain(company.settings, partner=partner, period=period).summary
    assert missing == f"{partner} has no approved payout in {period}."
    for (line,) in lines:
        assert any(line in said and reason in said for said in told), told


def test_a_missing_payout_without_any_line_says_so_and_names_the_deals(company: Company) -> None:
    """Nothing waits and nothing of the month is excluded: where a payment is missing, its deal is the trace."""
    nothing = "No line of this partner was open at the end of {}, and none of its orders is excluded in it"
    _, said, deals = explain(company.settings, partner="no-partner-P2", period="2026-04").summary
    assert said.startswith(nothing.format("2026-04"))
    assert deals == "Its deals won by then without a line: no-partner-D3, no-partner-D4."
    _, *told = explain(company.settings, partner="no-partner-P2", period="2026-02").summary
    assert [one.startswith(nothing.format("2026-02")) for one in told] == [True]


def test_what_is_given_back_after_a_hold_is_said_to_wait(company: Company) -> None:
    found = explain(company.settings, partner="reopened-P5", period="2026-06")
    assert any(
        "(-5.000 USD, of which -10.000 is posted) takes less than was posted, which is given back once its payment is "
        "held no more." in said
        for said in found.summary
    )


@pytest.mark.parametrize(
    ("case", "movement", "reason"),
    [
        ("excluded-product", "excluded-product-p1", "excluded_product"),
        ("v16-tax-and-credit", "v16-tax-and-credit-p1", "paid_from_credit"),
    ],
)
def test_what_earned_a_partner_nothing_is_said_to_it(
    company: Company, published: duckdb.DuckDBPyConnection, case: str, movement: str, reason: str
) -> None:
    """What a product, or a customer's credit, kept from its partners: by the command, and in the view."""
    (told,) = published.execute(
        "select explanation from finance.explanations where explained = 'exclusion' and partner_id = ? "
        "and movement_id = ? and contains(explanation, ?)",
        [f"{case}-P1", movement, reason],
    ).fetchall()
    (month,) = published.execute(
        "select strftime(month, '%Y-%m') from finance.exclusions where movement_id = ? and reason = ?",
        [movement, reason],
    ).fetchall()
    found = explain(company.settings, partner=f"{case}-P1", period=month[0])
    amount = told[0].partition(" of it ")[0]
    assert f"{amount} of payment {movement} earn nothing: {reason}." in found.summary


def test_a_share_is_explained_by_what_it_was_taken_from(company: Company) -> None:
    """By the credits of the touches where the plan pays by an attribution model; always by the deal's own partners."""
    found = explain(company.settings, payout="PO-2026-03-credited-by-model-P1-USD")
    (told,) = (section for section in found.sections if section.title == "attribution.credits")
    rows = [dict(zip(told.columns, row, strict=True)) for row in told.rows]
    assert {(row["conversion_id"], row["model"]) for row in rows} == {("credited-by-model-D1", "linear")}
    own = sum(row["credit"] for row in rows if row["partner_id"] == "credited-by-model-P1")
    assert (own, sum(row["credit"] for row in rows)) == (Decimal("0.5"), 1)
    found = explain(company.settings, payout="PO-2026-03-v17-cap-P1-USD")
    titles = [section.title for section in found.sections]
    assert "attribution.credits" not in titles
    roles = found.sections[titles.index("attribution.partner_roles")]
    assert {dict(zip(roles.columns, row, strict=True))["partner_id"] for row in roles.rows} == {"v17-cap-P1"}


def test_a_payout_is_explained_by_the_plans_that_were_in_force(company: Company) -> None:
    """Its own plan files, pinned by its approval, although they were edited since."""
    assert company.settings.plans is not None
    rates = company.settings.plans / "commission_rates.csv"
    kept = rates.read_text(encoding="utf-8")
    rates.write_text(kept.replace("v17-cap-plan,1,percentage,0,,0.10", "v17-cap-plan,1,percentage,0,,0.99"))
    try:
        sections = explain(company.settings, payout="PO-2026-03-v17-cap-P1-USD").sections
    finally:
        rates.write_text(kept, encoding="utf-8")
    (found,) = (dict(zip(one.columns, one.rows[0], strict=True)) for one in sections if "rates" in one.title)
    assert (found["plan_id"], found["rate"]) == ("v17-cap-plan", "0.10")
