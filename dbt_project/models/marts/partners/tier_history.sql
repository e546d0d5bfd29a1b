with

tiers as (

    select * from {{ ref('int_partner_tiers') }}

),

benefits as (

    select * from {{ ref('tier_benefits') }}

),

final as (

    select
        tiers.month,
        tiers.partner_id,
        tiers.programme,
        tiers.plan_id,
        cast(tiers.plan_version as {{ text_type() }}) as plan_version,
        tiers.tier,
        cast(tiers.basis_revenue as {{ money_total() }}) as tier_revenue,
        tiers.currency,
        cast(tiers.rate as {{ fraction() }}) as rate,
        tiers.next_tier,
        cast(
            case
                when tiers.next_tier_from is not null then greatest(tiers.next_tier_from - tiers.basis_revenue, 0)
            end as {{ money_total() }}
        ) as next_tier_gap,
        benefits.training_level,
        benefits.marketing_level,
        benefits.events,
        benefits.support_level
    from tiers
    left join benefits
        on
            tiers.programme = benefits.programme
            and tiers.tier = benefits.tier
    where tiers.tier is not null

)

select * from final
