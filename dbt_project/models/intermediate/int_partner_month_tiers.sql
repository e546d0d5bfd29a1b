with

tiers as (

    select * from {{ ref('int_partner_tiers') }}

),

-- Where several plans have tiers, the one that most revenue counts for.
final as (

    select
        month,
        partner_id,
        plan_id,
        programme,
        tier,
        currency,
        next_tier,
        case when next_tier_from is not null then greatest(next_tier_from - basis_revenue, 0) end as next_tier_gap,
        month = max(month) over (partition by partner_id) as is_newest
    from tiers
    where tier is not null
    qualify row_number() over (partition by month, partner_id order by basis_revenue desc, plan_id asc) = 1

)

select * from final
