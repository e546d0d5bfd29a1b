"""The integer arithmetic of commissions, as the engine runs it, against Python's whole numbers of any size."""

from __future__ import annotations

import random
from typing import Any

import duckdb
import jinja2
import pyarrow as pa
import pytest

from partner_warehouse.settings import DBT_PROJECT

CASES = 10_000
EXPRESSIONS = {
    "quotient": "whole_quotient('abs(n)', 'd')",
    "remainder": "whole_remainder('abs(n)', 'd')",
    "half_up": "round_ratio('n', 'd')",
    "half_even": "round_ratio('n', 'd', 'rounding')",
    "floor": "floor_ratio('n', 'd')",
    "truncated": "truncated_ratio('n', 'd')",
}


def rendered() -> dict[str, str]:
    """The macros' SQL for DuckDB: dbt's `return` and `adapter.dispatch` are all that they need of dbt."""
    source = (DBT_PROJECT / "macros" / "commission_arithmetic.sql").read_text(encoding="utf-8")

    class Adapter:
        def dispatch(self, name: str) -> Any:
            return getattr(module, f"duckdb__{name}")

    environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)  # noqa: S701
    environment.globals |= {"adapter": Adapter(), "return": lambda value: value, "money": lambda: "decimal(18, 3)"}
    module: Any = environment.from_string(source).module
    return {
        name: str(environment.from_string("{{ m." + call + " }}").render(m=module))
        for name, call in EXPRESSIONS.items()
    }


def numbers(chance: random.Random) -> tuple[int, int]:
    """A numerator at, beside or halfway between multiples of a denominator, of 1 to 37 digits."""
    limits = [10**18, 10**18 + 1, 10**20, 10**14, 10**10, 2, 3, 7]
    divisor = chance.choice([*limits, chance.randint(1, 10 ** chance.randint(1, 20))])
    rest = chance.choice([0, 1, divisor // 2, divisor // 2 + 1, divisor - 1, chance.randint(0, divisor - 1)])
    numerator = chance.randint(0, 10 ** chance.randint(0, 17)) * divisor + rest
    return chance.choice([-1, 1]) * numerator, divisor


def rounded(numerator: int, divisor: int, *, to_even: bool) -> int:
    whole, rest = divmod(abs(numerator), divisor)
    up = 2 * rest > divisor or (2 * rest == divisor and (not to_even or whole % 2 == 1))
    return (whole + up) * (1 if numerator >= 0 else -1)


@pytest.mark.parametrize("seed", range(2))
def test_every_quotient_and_rounding_is_exact(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    given = [numbers(chance) for _ in range(CASES)]
    table = pa.table({"n": [str(n) for n, _ in given], "d": [str(d) for _, d in given]})
    columns = ", ".join(f"{sql} AS {name}" for name, sql in rendered().items())
    with duckdb.connect() as duck:
        duck.register("given", table)
        typed = "SELECT CAST(n AS HUGEINT) AS n, CAST(d AS HUGEINT) AS d, 'half_even' AS rounding FROM given"
        found = duck.execute(f"SELECT n, d, {columns} FROM ({typed})").fetchall()
    for n, d, *results in found:
        sign = 1 if n >= 0 else -1
        assert tuple(results) == (
            abs(n) // d,
            abs(n) % d,
            rounded(n, d, to_even=False),
            rounded(n, d, to_even=True),
            n // d,
            sign * (abs(n) // d),
        ), (n, d)
    assert len(found) == CASES
