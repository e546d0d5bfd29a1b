with

credits as (

    select * from {{ ref('credits') }}

),

conversions as (

    select * from {{ ref('int_conversion_revenue') }}

),

campaigns as (

    select * from {{ ref('int_touch_campaigns') }}

),

earned as (

    select
        credits.model,
        credits.conversion_kind,
        credits.conversion_id,
        credits.touchpoint_id,
        credits.position,
        credits.partner_id,
        credits.channel,
        credits.channel_group,
        credits.credit,
        credits.amount,
        conversions.is_as_credited,
        conversions.is_without_rate,
        conversions.revenue_parts,
        conversions.mills_per_part,
        conversions.month
    from credits
    inner join conversions
        on
            credits.conversion_kind = conversions.conversion_kind
            and credits.conversion_id = conversions.conversion_id

),

to_be_shared as (

    select
        *,
        {{ to_units('credit', 12) }} as credit_parts
    from earned
    where not is_as_credited

),

shared as (

    {{ shared_out(
        'to_be_shared', 'credit_parts', 'revenue_parts', ['model', 'conversion_kind', 'conversion_id'], 'position',
        'touch_parts'
    ) }}

),

with_revenue as (

    select
        month,
        model,
        conversion_kind,
        touchpoint_id,
        partner_id,
        channel,
        channel_group,
        credit,
        amount as revenue,
        is_without_rate
    from earned
    where is_as_credited
    union all
    select
        month,
        model,
        conversion_kind,
        touchpoint_id,
        partner_id,
        channel,
        channel_group,
        credit,
        {{ mills_to_money('touch_parts * mills_per_part') }} as revenue,
        is_without_rate
    from shared

),

final as (

    select
        with_revenue.month,
        with_revenue.model,
        with_revenue.conversion_kind,
        with_revenue.partner_id,
        with_revenue.channel,
        with_revenue.channel_group,
        case
            when with_revenue.touchpoint_id = 'unattributed' then 'unattributed'
            else coalesce(campaigns.campaign_id, 'no_campaign')
        end as campaign_id,
        cast(sum(with_revenue.credit) as decimal(28, 12)) as conversions,
        cast(sum(with_revenue.revenue) as {{ money_total() }}) as revenue,
        cast(
            sum(case when with_revenue.is_without_rate then with_revenue.credit else 0 end) as decimal(28, 12)
        ) as conversions_without_rate
    from with_revenue
    left join campaigns on with_revenue.touchpoint_id = campaigns.touchpoint_id
    group by
        with_revenue.month,
        with_revenue.model,
        with_revenue.conversion_kind,
        with_revenue.partner_id,
        with_revenue.channel,
        with_revenue.channel_group,
        case
            when with_revenue.touchpoint_id = 'unattributed' then 'unattributed'
            else coalesce(campaigns.campaign_id, 'no_campaign')
        end

)

select * from final
