"""The integer arithmetic of commissions, as the engine runs it, against Python's whole numbers of any size."""

from __future__ import annotations

import random
from decimal import Context, Decimal, localcontext
from fractions import Fraction
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


DECIMALS = {
    "ratio": "fraction_ratio('part', 'whole')",
    "twelfths": "share_units('part', 12)",
    "ninths": "share_units('part', 9)",
    "money": "landed_money('amount')",
}


def rendered(expressions: dict[str, str]) -> dict[str, str]:
    """The macros' SQL for DuckDB: dbt's `return` and `adapter.dispatch` are all that they need of dbt."""
    files = ("commission_arithmetic", "types")
    source = "\n".join((DBT_PROJECT / "macros" / f"{name}.sql").read_text(encoding="utf-8") for name in files)

    class Adapter:
        def dispatch(self, name: str) -> Any:
            return getattr(module, f"duckdb__{name}", None) or getattr(module, f"default__{name}")

    environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)  # noqa: S701
    environment.globals |= {"adapter": Adapter(), "return": lambda value: value}
    module: Any = environment.from_string(source).module
    return {
        name: str(environment.from_string("{{ m." + call + " }}").render(m=module))
        for name, call in expressions.items()
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
    columns = ", ".join(f"{sql} AS {name}" for name, sql in rendered(EXPRESSIONS).items())
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


def to_places(number: Fraction, places: int) -> Decimal:
    """A number rounded to so many decimals, a half away from zero."""
    units = abs(number) * 10**places
    return Decimal((1 if number >= 0 else -1) * int(units + Fraction(1, 2))).scaleb(-places)


def test_every_share_and_every_landed_amount_is_exact() -> None:
    chance = random.Random(1)  # noqa: S311
    with localcontext(Context(prec=60)):
        wholes = [
            1,
            Decimal("0.999999999999"),
            Decimal("1.0005"),
            3,
            4,
            Decimal("4.000000000001"),
            Decimal("1e-12"),
            7000,
        ]
        given = []
        for _ in range(CASES):
            whole = Decimal(chance.choice([*wholes, Decimal(chance.randint(1, 5 * 10**12)).scaleb(-12)]))
            part = to_places(Fraction(whole) * Fraction(chance.randint(0, 10**4), chance.choice([10**4, 3, 7])), 12)
            places = chance.choice([0, 2, 3, 4, 18])
            amount = Decimal(chance.randint(-(10**15), 10**15) * 10**places // 10 ** chance.randint(1, 14)).scaleb(
                -places
            )
            given.append((min(part, Decimal(900_000)), whole, amount))
        table = pa.table(
            dict(zip(("part", "whole", "amount"), map(list, zip(*map(to_text, given), strict=True)), strict=True))
        )
        columns = ", ".join(f"{sql} AS {name}" for name, sql in rendered(DECIMALS).items())
        with duckdb.connect() as duck:
            duck.register("given", table)
            typed = (
                "SELECT CAST(part AS DECIMAL(18, 12)) AS part, CAST(whole AS DECIMAL(18, 12)) AS whole, "
                "CAST(amount AS DECIMAL(38, 18)) AS amount FROM given WHERE CAST(part AS DECIMAL(38, 12)) / "
                "CAST(whole AS DOUBLE) < 100000"
            )
            found = duck.execute(f"SELECT part, whole, amount, {columns} FROM ({typed})").fetchall()
    assert len(found) > CASES // 2
    for part, whole, amount, ratio, twelfths, ninths, money in found:
        assert ratio == to_places(Fraction(part) / Fraction(whole), 12), (part, whole)
        assert twelfths == int(Fraction(part) * 10**12)
        assert ninths == int(to_places(Fraction(part), 9) * 10**9), part
        assert money == to_places(Fraction(amount), 3), amount


def to_text(numbers: tuple[Decimal, ...]) -> tuple[str, ...]:
    return tuple(format(number, "f") for number in numbers)
