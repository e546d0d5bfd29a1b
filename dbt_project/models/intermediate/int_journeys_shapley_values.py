"""What each channel adds to the conversion rate of the coalitions it joins: solved in numbers, from counts."""

from partner_warehouse.warehouse.attribution import shapley_table


def model(dbt, session):  # type: ignore[no-untyped-def]
    """Rows as `int_journeys_shapley_values.yml` describes them."""
    dbt.config(materialized="table")
    settings = dict(dbt.ref("attribution_settings").fetchall())
    lookbacks = {model: lookback_id for model, lookback_id, *_ in dbt.ref("int_journeys_lookbacks").fetchall()}
    channel_sets = dbt.ref("int_journeys_channel_sets").filter(f"lookback_id = {lookbacks.get('shapley', 0)}")
    return shapley_table(
        channel_sets.to_arrow_table(),
        exact_units=settings["shapley_exact_units"],
        sampled_orders=settings["shapley_sampled_orders"],
    )
