with

credits as (

    select * from {{ ref('int_credits_monthly') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

dimensioned as (

    select
        month,
        model,
        'all' as dimension,
        'all' as dimension_value,
        conversions,
        revenue
    from credits
    union all
    select
        month,
        model,
        'channel' as dimension,
        channel as dimension_value,
        conversions,
        revenue
    from credits
    union all
    select
        month,
        model,
        'channel_group' as dimension,
        channel_group as dimension_value,
        conversions,
        revenue
    from credits
    union all
    select
        month,
        model,
        'campaign' as dimension,
        campaign_id as dimension_value,
        conversions,
        revenue
    from credits
    union all
    select
        month,
        model,
        'partner' as dimension,
        coalesce(
            partner_id, case when channel = 'unattributed' then 'unattributed' else 'no_partner' end
        ) as dimension_value,
        conversions,
        revenue
    from credits

),

final as (

    select
        dimensioned.month,
        dimensioned.dimension,
        dimensioned.dimension_value,
        parameters.reporting_currency as currency,
        {{ under_model('first_touch', 'dimensioned.conversions', 'decimal(28, 12)') }} as first_touch_conversions,
        {{ under_model('last_touch', 'dimensioned.conversions', 'decimal(28, 12)') }} as last_touch_conversions,
        {{ under_model(
            'last_non_direct', 'dimensioned.conversions', 'decimal(28, 12)'
        ) }} as last_non_direct_conversions,
        {{ under_model('linear', 'dimensioned.conversions', 'decimal(28, 12)') }} as linear_conversions,
        {{ under_model('position', 'dimensioned.conversions', 'decimal(28, 12)') }} as position_conversions,
        {{ under_model('w_shaped', 'dimensioned.conversions', 'decimal(28, 12)') }} as w_shaped_conversions,
        {{ under_model('full_path', 'dimensioned.conversions', 'decimal(28, 12)') }} as full_path_conversions,
        {{ under_model('time_decay', 'dimensioned.conversions', 'decimal(28, 12)') }} as time_decay_conversions,
        {{ under_model('markov', 'dimensioned.conversions', 'decimal(28, 12)') }} as markov_conversions,
        {{ under_model('shapley', 'dimensioned.conversions', 'decimal(28, 12)') }} as shapley_conversions,
        {{ under_model('first_touch', 'dimensioned.revenue', money_total()) }} as first_touch_revenue,
        {{ under_model('last_touch', 'dimensioned.revenue', money_total()) }} as last_touch_revenue,
        {{ under_model('last_non_direct', 'dimensioned.revenue', money_total()) }} as last_non_direct_revenue,
        {{ under_model('linear', 'dimensioned.revenue', money_total()) }} as linear_revenue,
        {{ under_model('position', 'dimensioned.revenue', money_total()) }} as position_revenue,
        {{ under_model('w_shaped', 'dimensioned.revenue', money_total()) }} as w_shaped_revenue,
        {{ under_model('full_path', 'dimensioned.revenue', money_total()) }} as full_path_revenue,
        {{ under_model('time_decay', 'dimensioned.revenue', money_total()) }} as time_decay_revenue,
        {{ under_model('markov', 'dimensioned.revenue', money_total()) }} as markov_revenue,
        {{ under_model('shapley', 'dimensioned.revenue', money_total()) }} as shapley_revenue
    from dimensioned
    cross join parameters
    group by dimensioned.month, dimensioned.dimension, dimensioned.dimension_value, parameters.reporting_currency

)

select * from final
