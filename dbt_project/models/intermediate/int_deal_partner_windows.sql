with

deals as (

    select * from {{ ref('int_deals') }}

),

deal_partners as (

    select * from {{ ref('int_deal_partners') }}

),

crm_roles as (

    select * from {{ ref('int_deal_crm_roles') }}

),

leads as (

    select * from {{ ref('int_leads') }}

),

touches as (

    select * from {{ ref('int_touches') }}

),

enrolments as (

    select * from {{ ref('int_enrolments') }}

),

plans as (

    select * from {{ ref('stg_plans__plans') }}

),

rules as (

    select * from {{ ref('partner_role_rules') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

default_rule as (

    select * from rules
    where programme = 'default'

),

dated as (

    select
        deals.deal_id,
        deals.customer_id,
        coalesce(deals.opportunity_at, deals.created_at, deals.closed_at, parameters.as_of) as in_play_at,
        coalesce(deals.closed_at, parameters.as_of) as decided_at
    from deals
    cross join parameters

),

account_partners as (

    select distinct
        account_id,
        partner_id
    from touches
    where partner_id is not null
    union
    select distinct
        {{ customer_account('customer_id') }} as account_id,
        partner_id
    from leads
    where partner_id is not null

),

pairs as (

    select
        deal_id,
        partner_id
    from deal_partners
    union
    select
        deal_id,
        partner_id
    from crm_roles
    union
    select
        dated.deal_id,
        account_partners.partner_id
    from dated
    inner join account_partners on {{ customer_account('dated.customer_id') }} = account_partners.account_id

),

dated_pairs as (

    select
        dated.*,
        pairs.partner_id,
        {{ local_day('dated.in_play_at', 'parameters.timezone') }} as in_play_on
    from pairs
    inner join dated on pairs.deal_id = dated.deal_id
    cross join parameters

),

plan_programmes as (

    select
        plan_id,
        max(programme) as programme
    from plans
    group by plan_id

),

enrolled as (

    select
        enrolments.partner_id,
        {{ word('coalesce(enrolments.programme, plan_programmes.programme)') }} as programme,
        enrolments.starts_on,
        coalesce(enrolments.ends_on, date '9999-12-31') as ends_on
    from enrolments
    left join plan_programmes on enrolments.plan_id = plan_programmes.plan_id

),

-- Of several programmes the one that protects longest; without one, the default.
ruled as (

    select
        dated_pairs.*,
        enrolled.programme,
        case when rules.programme is null then default_rule.registration_days else rules.registration_days end
            as registration_days,
        case when rules.programme is null then default_rule.referral_days else rules.referral_days end
            as referral_days,
        case when rules.programme is null then default_rule.touch_days else rules.touch_days end as touch_days
    from dated_pairs
    cross join default_rule
    left join enrolled
        on
            dated_pairs.partner_id = enrolled.partner_id
            and dated_pairs.in_play_on >= enrolled.starts_on
            and dated_pairs.in_play_on < enrolled.ends_on
    left join rules on enrolled.programme = {{ word('rules.programme') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by deal_id, partner_id
            order by
                case when registration_days is null then 0 else 1 end asc,
                registration_days desc,
                programme asc
        ) as preference
    from ruled

),

final as (

    select
        deal_id,
        partner_id,
        customer_id,
        programme,
        registration_days,
        referral_days,
        touch_days,
        in_play_at,
        decided_at
    from ranked
    where preference = 1

)

select * from final
