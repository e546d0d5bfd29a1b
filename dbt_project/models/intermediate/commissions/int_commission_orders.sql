with

order_partners as (

    select * from {{ ref('int_order_partners') }}

),

orders as (

    select * from {{ ref('int_orders') }}

),

partners as (

    select * from {{ ref('int_partners') }}

),

enrolments as (

    select * from {{ ref('int_enrolments') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

credits as (

    select * from {{ ref('int_commission_credits') }}

),

-- Sourcing partners are paid first, then influencing, then assisting ones, as long as there is a share left to pay.
roles as (

    select
        order_key,
        role,
        max(role_share) as role_share,
        case role when 'sourced' then 1 when 'influenced' then 2 else 3 end as role_rank
    from order_partners
    group by order_key, role

),

paid_roles as (

    select
        order_key,
        role,
        sum(role_share) over (
            partition by order_key order by role_rank rows between unbounded preceding and current row
        ) as share_so_far,
        role_rank
    from roles

),

shares as (

    select
        order_partners.order_key,
        order_partners.partner_id,
        order_partners.bound_by,
        cast(
            sum(case when paid_roles.share_so_far <= 1.0005 then order_partners.given_share else 0 end)
            as {{ fraction() }}
        ) as share,
        max(case when paid_roles.role_rank = 1 and paid_roles.share_so_far > 1.0005 then 1 else 0 end) as is_too_much
    from order_partners
    inner join paid_roles using (order_key, role)
    group by order_partners.order_key, order_partners.partner_id, order_partners.bound_by

),

totals as (

    select
        shares.*,
        cast(sum(share) over (partition by order_key) as {{ fraction() }}) as total_share
    from shares
    where share > 0 or is_too_much = 1

),

scaled as (

    select
        order_key,
        partner_id,
        bound_by,
        is_too_much,
        abs(total_share - 1) <= 0.0005 as is_whole,
        -- Nine decimals: a third that was written with more is the same third as the others.
        {{ share_units('share', 9) }} as share_units,
        case
            when abs(total_share - 1) <= 0.0005
                then cast(sum({{ share_units('share', 9) }}) over (
                        partition by order_key
                    ) as {{ wide_integer() }})
            else cast({{ 10 ** 9 }} as {{ wide_integer() }})
        end as whole_units,
        case
            when is_too_much = 1 then cast(0 as {{ fraction() }})
            -- The usual case; dividing wide integers would take most of this model's time.
            when share = total_share and abs(total_share - 1) <= 0.0005 then cast(1 as {{ fraction() }})
            when abs(total_share - 1) <= 0.0005 then {{ fraction_ratio('share', 'total_share') }}
            else share
        end as share
    from totals

),

-- What is left of a whole after twelve decimals goes to the first partner, so that the shares sum to exactly 1.
split as (

    select
        order_key,
        partner_id,
        bound_by,
        is_too_much,
        -- What is shared beyond a whole earns nothing; the first partner stands for all of it in the exclusions.
        case
            when is_too_much = 0 then share_units
            when row_number() over (partition by order_key order by partner_id) = 1 then 1
            else 0
        end as share_units,
        case when is_too_much = 0 then whole_units else 1 end as whole_units,
        cast(
            share
            + case
                when is_whole
                    and is_too_much = 0
                    and row_number() over (partition by order_key order by partner_id) = 1
                    then 1 - sum(share) over (partition by order_key)
                else 0
            end as {{ fraction() }}
        ) as share
    from scaled

),

-- A partner is a candidate with the share of its deal, and with its credits under the models that plans pay by.
candidates as (

    select
        order_key,
        partner_id,
        bound_by,
        is_too_much,
        share,
        share_units,
        whole_units,
        'deal_partners' as crediting_model
    from split
    union all
    select
        orders.order_key,
        credits.partner_id,
        'attribution' as bound_by,
        0 as is_too_much,
        credits.share,
        {{ share_units('credits.share', 12) }} as share_units,
        cast({{ 10 ** 12 }} as {{ wide_integer() }}) as whole_units,
        credits.model as crediting_model
    from orders
    inner join credits using (deal_id)

),

candidate_partners as (

    select distinct
        order_key,
        partner_id
    from candidates

),

numbered as (

    select
        *,
        row_number() over (partition by order_key order by partner_id) as partner_number
    from candidate_partners

),

-- The plan version of the order's day, in the plan's own time zone. Of several enrolments one pays: a plan in the
-- order's currency goes first, then the enrolment that began last.
enrolled as (

    select
        candidate_partners.order_key,
        candidate_partners.partner_id,
        enrolments.enrolment_id,
        enrolments.programme,
        plans.plan_id,
        plans.plan_version,
        plans.crediting_model,
        row_number() over (
            partition by candidate_partners.order_key, candidate_partners.partner_id
            order by
                case when plans.plan_id is null then 1 else 0 end,
                case when plans.currency = orders.currency then 0 else 1 end,
                enrolments.starts_on desc,
                enrolments.enrolment_id asc,
                plans.effective_from desc,
                plans.plan_version desc
        ) as preference
    from candidate_partners
    inner join orders using (order_key)
    inner join enrolments using (partner_id)
    left join plans
        on
            enrolments.plan_id = plans.plan_id
            and plans.effective_from <= {{ local_day('orders.order_at', 'plans.timezone') }}
            and (
                plans.effective_to is null
                or plans.effective_to > {{ local_day('orders.order_at', 'plans.timezone') }}
            )
    where
        enrolments.starts_on <= {{ local_day('orders.order_at', "coalesce(plans.timezone, 'UTC')") }}
        and (
            enrolments.ends_on is null
            or enrolments.ends_on > {{ local_day('orders.order_at', "coalesce(plans.timezone, 'UTC')") }}
        )

),

final as (

    select
        candidates.order_key,
        orders.order_kind,
        orders.order_id,
        orders.currency,
        candidates.partner_id,
        partners.partner_key,
        numbered.partner_number,
        candidates.share,
        -- The share as a fraction of whole numbers, so that a third is a third.
        {{ over_common_divisor('candidates.share_units', 'candidates.whole_units') }} as share_numerator,
        {{ over_common_divisor('candidates.whole_units', 'candidates.share_units') }} as share_denominator,
        candidates.bound_by,
        orders.order_at,
        enrolled.enrolment_id,
        enrolled.programme,
        enrolled.plan_id,
        enrolled.plan_version,
        case
            when candidates.is_too_much = 1 then 'shares_exceed_one'
            when partners.partner_id is null then 'unknown_partner'
            when partners.terminated_at <= orders.order_at then 'partner_terminated'
            when enrolled.enrolment_id is null then 'no_enrolment'
            when enrolled.plan_id is null then 'no_plan_version'
        end as reason
    from candidates
    inner join numbered using (order_key, partner_id)
    inner join orders using (order_key)
    left join partners using (partner_id)
    left join enrolled
        on
            candidates.order_key = enrolled.order_key
            and candidates.partner_id = enrolled.partner_id
            and enrolled.preference = 1
    -- The plan says who earns on a deal. Without a deal there is no credit: then the partner that is bound earns.
    where
        candidates.crediting_model = coalesce(enrolled.crediting_model, 'deal_partners')
        or (candidates.crediting_model = 'deal_partners' and orders.deal_id is null)

)

select * from final
