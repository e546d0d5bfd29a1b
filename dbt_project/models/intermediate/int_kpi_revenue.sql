with

movements as (

    select * from {{ ref('int_kpi_movements') }}

),

partners as (

    select * from {{ ref('int_movement_partners') }}

),

role_totals as (

    select
        movement_kind,
        movement_id,
        coalesce(sum(case when role = 'sourced' then share end), 0) as sourced_share,
        coalesce(sum(case when role = 'influenced' then share end), 0) as influenced_share
    from partners
    group by movement_kind, movement_id

),

-- Revenue is counted once. Where the roles together claim more than the whole, the influencing partners share what
-- the sourcing ones leave.
weighted as (

    select
        partners.movement_kind,
        partners.movement_id,
        partners.partner_id,
        case when partners.role = 'sourced' then 'direct' else 'indirect' end as influence,
        cast(partners.share as {{ fraction() }}) as claimed_share,
        case
            when partners.role = 'sourced' or role_totals.sourced_share + role_totals.influenced_share <= 1
                then cast(partners.share as {{ fraction() }})
            -- The quotient of two roundings may be a little more than was claimed.
            else
                least(
                    partners.share,
                    cast(
                        {{ exact_ratio(
                            'partners.share * (1 - role_totals.sourced_share)', 'role_totals.influenced_share'
                        ) }} as {{ fraction() }}
                    )
                )
        end as share
    from partners
    inner join role_totals
        on
            partners.movement_kind = role_totals.movement_kind
            and partners.movement_id = role_totals.movement_id
    -- Sourcing partners that share more than the whole are an error of the record: nobody's revenue until it is mended.
    where role_totals.sourced_share <= 1.0005

),

final as (

    select
        movements.movement_key,
        weighted.partner_id,
        weighted.influence,
        movements.customer_id,
        movements.country,
        movements.segment,
        movements.occurred_on,
        movements.is_first_payment,
        weighted.claimed_share,
        weighted.share,
        movements.net_collected,
        movements.reporting_amount as whole_amount,
        cast(movements.reporting_amount * weighted.share as {{ exact() }}) as reporting_amount
    from weighted
    inner join movements
        on
            weighted.movement_kind = movements.movement_kind
            and weighted.movement_id = movements.movement_id

)

select * from final
