"""What guests see: no cell, and nothing that can be computed from cells, rests on one to four partners."""

from __future__ import annotations

from collections import defaultdict

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from partner_warehouse.publish import portal

(FIGURE,) = portal.figures()

PARTNERS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("UVWXYZ"), st.integers(0, 3)), min_size=0, max_size=60
)
"""A partner's type, country and leads."""

Cell = tuple[str, str]


def _published(partners: list[tuple[str, str, int]], *, is_closed: bool = True) -> dict[Cell, tuple[int, int]]:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE SCHEMA partners; CREATE TABLE partners.scorecard_monthly (month DATE, partner_id VARCHAR, "
            "partner_type VARCHAR, country VARCHAR, is_active BOOLEAN, leads BIGINT, qualified_leads BIGINT, "
            "new_customers BIGINT, is_closed BOOLEAN)"
        )
        if partners:
            connection.executemany(
                "INSERT INTO partners.scorecard_monthly VALUES ('2026-01-01', ?, ?, ?, false, ?, 0, 0, ?)",
                [[str(i), *partner, is_closed] for i, partner in enumerate(partners)],
            )
        rows = connection.execute(f"SELECT partner_type, country, partners, value FROM ({FIGURE.query})").fetchall()
    return {(kind, country): (partners, value) for kind, country, partners, value in rows}


def _members(partners: list[tuple[str, str, int]]) -> dict[Cell, set[int]]:
    """Who contributes to each cell of the tree."""
    cells: dict[Cell, set[int]] = defaultdict(set)
    for number, (kind, country, leads) in enumerate(partners):
        if leads:
            for cell in (("all", "all"), (kind, "all"), (kind, country)):
                cells[cell].add(number)
    return cells


@settings(max_examples=60, deadline=None)
@given(PARTNERS)
def test_every_cell_and_every_remainder_rests_on_five_partners_or_nobody(partners) -> None:
    published, members = _published(partners), _members(partners)
    for cell, (count, value) in published.items():
        assert count == len(members[cell]) >= 5
        assert value == sum(partners[number][2] for number in members[cell])
    # Cells form a tree: all that sums and differences can reach are unions of published leaves and of these remainders.
    for kind, country in published:
        if country != "all":
            assert (kind, "all") in published
            continue
        if kind == "all":
            children = [cell for cell in published if cell[0] != "all" and cell[1] == "all"]
        else:
            assert ("all", "all") in published
            children = [cell for cell in published if cell[0] == kind and cell[1] != "all"]
        rest = members[kind, country].difference(*(members[child] for child in children))
        assert not rest or len(rest) >= 5


def test_what_may_be_shown_is_shown() -> None:
    partners = [("a", "U", 1)] * 5 + [("a", "V", 2)] * 6 + [("b", "U", 3)] * 7
    assert _published(partners) == {
        ("all", "all"): (18, 38),
        ("a", "all"): (11, 17),
        ("a", "U"): (5, 5),
        ("a", "V"): (6, 12),
        ("b", "all"): (7, 21),
        ("b", "U"): (7, 21),
    }


def test_one_small_cell_takes_the_next_smallest_with_it() -> None:
    partners = [("a", "U", 1)] * 2 + [("a", "V", 1)] * 6 + [("a", "W", 1)] * 9
    assert set(_published(partners)) == {("all", "all"), ("a", "all"), ("a", "W")}


def test_partners_that_contribute_nothing_do_not_hide_one_that_does() -> None:
    assert _published([("a", "U", 9)] + [("a", "U", 0)] * 20) == {}


def test_a_month_that_runs_is_not_shown() -> None:
    assert _published([("a", "U", 1)] * 9, is_closed=False) == {}
