"""What is lost when a channel, or a partner, is taken out of all journeys: solved in numbers, from counts."""

from partner_warehouse.warehouse.attribution import removal_effect_table


def model(dbt, session):  # type: ignore[no-untyped-def]
    """Rows as `int_journeys_removal_effects.yml` describes them."""
    dbt.config(materialized="table")
    return removal_effect_table(
        dbt.ref("int_journeys_transitions").to_arrow_table(), dbt.ref("int_journeys_units").to_arrow_table()
    )
