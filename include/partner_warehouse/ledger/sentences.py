"""What is said of a payout and of a line, as SQL that DuckDB and PostgreSQL both read.

One text for the view of the publication, for the serving database and for `partner-warehouse explain`: what an analyst
reads in SQL is what finance reads on the command line. `concat` leaves out what is null.
"""

from __future__ import annotations


def _plain(number: str) -> str:
    """A decimal number without zeroes that say nothing."""
    return f"rtrim(rtrim(cast({number} as varchar), '0'), '.')"


PAYOUT = """concat(
  payout_id, ': ', opening_balance, ' carried in, ', earned, ' earned, ', adjustments, ' adjusted, ', payable,
  ' payable, ', closing_balance, ' carried out, ', currency, '; ', status, '.',
  case
    when closing_balance < 0 then ' What is carried out is set off against coming commissions.'
    when closing_balance > 0 then concat(
      ' What is carried out is below the smallest payout', ' of ' || cast(min_payout as varchar),
      ', and is paid once that is reached.'
    )
  end
)"""
"""Over `finance.approved_payouts`: the balance, and why something of it is carried."""

# DuckDB keeps the product of two decimals of 18 digits within 18 digits.
_IN_BASE = "cast(base_amount as decimal(20, 3)) * rate"
_EARNED = f"cast({_IN_BASE} as decimal(27, 11))"

# A rate of exchange has more digits than a product of 38 has room for, so its whole and its fraction are apart.
_PRODUCT = f"""cast(case
  when base_currency = currency then {_IN_BASE}
  else {_EARNED} * cast(floor(fx_rate) as decimal(9, 0))
    + cast({_EARNED} * cast(fx_rate - floor(fx_rate) as decimal(11, 10)) as decimal(28, 11))
end as decimal(28, 4))"""

_SHARE = f"case when split_share <> 1 then ' (a share of ' || {_plain('split_share')} || ' of the movement)' end"

_BY_RATE = f"""concat(
  'base ', base_amount, ' ', base_currency, {_SHARE}, ' x rate ' || {_plain("rate")}, ' (tier ' || tier || ')',
  case when base_currency <> currency then ' x FX ' || {_plain("fx_rate")} || ' of ' || cast(fx_date as varchar) end,
  case
    when not starts_with(line_id, 'ADJ-') and amount <> {_PRODUCT} then concat(
      ' = ', {_plain(_PRODUCT)},
      case when split_share <> 1 then ', rounded with its base by ' else ', rounded by ' end,
      {_plain(f"(amount - {_PRODUCT})")}
    )
  end
)"""

# The largest fee, also scaled, has 13 digits before the point, and a share has 12 decimals.
_OF_FEE = """cast(
  cast(cast(fee as decimal(20, 3)) * rate as decimal(24, 11)) * split_share as decimal(28, 4)
)"""

# A fee that was posted while lines had none is not told.
_FEE = f"""concat(
  coalesce('fee ' || cast(fee as varchar) || ' ' || currency, 'the fee'),
  ' for a deal of ', base_amount, ' ', base_currency, ' (tier ' || tier || ')',
  case when base_currency <> currency then ' at FX ' || {_plain("fx_rate")} || ' of ' || cast(fx_date as varchar) end,
  case when split_share <> 1 then ' x share ' || {_plain("split_share")} end,
  case when rate <> 1 then ' x scale ' || {_plain("rate")} end,
  case
    when not starts_with(line_id, 'ADJ-') and amount <> {_OF_FEE}
      then concat(' = ', {_plain(_OF_FEE)}, ', rounded by ', {_plain(f"(amount - {_OF_FEE})")})
  end
)"""

_OF_A_PLAN = f"""concat(
  coalesce(cast(amount as varchar), 'No amount yet in'), ' ', currency, ' to ', partner_id, ' for ', movement_kind, ' ',
  movement_id, ' by plan ', plan_id, ' version ' || cast(plan_version as varchar), ': ',
  case
    when starts_with(line_id, 'ADJ-')
      then 'the difference to what was posted before; the line is, or before it fell away was, '
  end,
  case
    when component = 'cap' then 'what the cap leaves out'
    when component = 'fixed_fee' then {_FEE}
    when component = 'bonus' and rate is null then 'a flat bonus, for a threshold that was reached or lost'
    else {_BY_RATE}
  end,
  '; earned ', earned_on, ', payable ', payable_on
)"""

LINE = f"""case
  when component = 'balance' then concat(
    amount, ' ', currency, ' to ', partner_id, ': the balance of partner ', movement_id, ', whom the CRM merged'
  )
  else {_OF_A_PLAN}
end"""
"""Over lines, posted or of the entitlement: the derivation, which multiplies out as it is read.

What it comes to is said to four digits. The base of a percentage is the partner's share of the movement already, so the
share is said and is no factor; parts of an invoice are rounded cumulatively, so the last cent of a line may come from
the parts before it. An adjustment has the derivation that is in force now, of a line that fell away the last that was,
and the difference for its amount (docs/payouts.md).
"""

CORRECTS = "'; corrects ' || corrects_line_id"
"""Over lines: what a line corrects; null for one that corrects nothing."""

POSTED_LINE = f"concat({LINE}, {CORRECTS}, '.')"
"""Over `finance.approved_payout_lines`."""

_HELD = """' (' || case
  when withheld_amount < 0 then concat(withheld_amount, ' of it held, as far as what that takes back waits: ')
  when status <> 'held' then concat(withheld_amount, ' of it held: ')
  else ''
end || hold_reason || ')'"""

ENTITLEMENT_LINE = f"concat({LINE}, '; ' || status, {_HELD}, {CORRECTS}, '.')"
"""Over `finance.commission_lines`: with what it waits for."""
