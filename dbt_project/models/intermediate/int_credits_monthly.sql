with

touch_credits as (

    select * from {{ ref('int_journeys_touch_credits') }}

),

journeys as (

    select * from {{ ref('int_journeys_conversions') }}

),

lookbacks as (

    select * from {{ ref('int_journeys_lookbacks') }}

),

conversions as (

    select * from {{ ref('int_conversion_revenue') }}

),

touches as (

    select * from {{ ref('int_touches') }}

),

campaigns as (

    select * from {{ ref('int_touch_campaigns') }}

),

earned as (

    select
        touch_credits.model,
        touch_credits.touch_key,
        touch_credits.position,
        touch_credits.credit_parts,
        touch_credits.amount_mills,
        conversions.conversion_key,
        conversions.conversion_kind,
        conversions.month,
        conversions.is_as_credited,
        conversions.is_without_rate,
        conversions.revenue_parts,
        conversions.mills_per_part
    from touch_credits
    inner join conversions on touch_credits.conversion_key = conversions.conversion_key

),

to_be_shared as (

    select * from earned
    where not is_as_credited

),

shared as (

    {{ shared_out(
        'to_be_shared', 'credit_parts', 'revenue_parts', ['model', 'conversion_key'], 'position', 'touch_parts'
    ) }}

),

with_revenue as (

    select
        month,
        model,
        conversion_kind,
        touch_key,
        credit_parts,
        amount_mills as revenue_mills,
        is_without_rate
    from earned
    where is_as_credited
    union all
    select
        month,
        model,
        conversion_kind,
        touch_key,
        credit_parts,
        cast(touch_parts * mills_per_part as {{ wide_integer() }}) as revenue_mills,
        is_without_rate
    from shared

),

gathered as (

    select
        with_revenue.month,
        with_revenue.model,
        with_revenue.conversion_kind,
        touches.partner_id,
        touches.channel,
        touches.channel_group,
        coalesce(campaigns.campaign_id, 'no_campaign') as campaign_id,
        with_revenue.credit_parts,
        with_revenue.revenue_mills,
        with_revenue.is_without_rate
    from with_revenue
    inner join touches on with_revenue.touch_key = touches.touch_key
    left join campaigns on with_revenue.touch_key = campaigns.touch_key
    union all
    select
        conversions.month,
        lookbacks.model,
        conversions.conversion_kind,
        cast(null as {{ text_type() }}) as partner_id,
        'unattributed' as channel,
        'unattributed' as channel_group,
        'unattributed' as campaign_id,
        cast({{ credit_parts() }} as bigint) as credit_parts,
        {{ total_to_mills('conversions.revenue') }} as revenue_mills,
        conversions.is_without_rate
    from conversions
    cross join lookbacks
    left join journeys
        on
            conversions.conversion_key = journeys.conversion_key
            and lookbacks.lookback_id = journeys.lookback_id
    where journeys.conversion_key is null

),

final as (

    select
        month,
        model,
        conversion_kind,
        partner_id,
        channel,
        channel_group,
        campaign_id,
        {{ parts_to_number('sum(credit_parts)') }} as conversions,
        {{ mills_to_total('sum(revenue_mills)') }} as revenue,
        {{ parts_to_number('sum(case when is_without_rate then credit_parts else 0 end)') }} as conversions_without_rate
    from gathered
    group by month, model, conversion_kind, partner_id, channel, channel_group, campaign_id

)

select * from final
