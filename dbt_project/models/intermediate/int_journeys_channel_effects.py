"""What is lost when a channel is taken out of all journeys, in the chain that credits per touch are shared by."""

from partner_warehouse.warehouse.attribution import CHAINS_OF_CREDITS, removal_effect_table


def model(dbt, session):  # type: ignore[no-untyped-def]
    """Rows as `int_journeys_channel_effects.yml` describes them."""
    dbt.config(materialized="table")
    return removal_effect_table(
        dbt.ref("int_journeys_transitions").filter("unit = 'channel'").to_arrow_table(),
        dbt.ref("int_journeys_units").to_arrow_table(),
        CHAINS_OF_CREDITS,
    )
