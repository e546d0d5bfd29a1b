with

windows as (

    select * from {{ ref('int_deal_partner_windows') }}

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

registered as (

    select
        windows.deal_id,
        windows.partner_id,
        windows.in_play_at,
        windows.decided_at,
        'deal_partner:' || deal_partners.deal_partner_id as evidence_id,
        deal_partners.role as stated_role,
        deal_partners.registered_at,
        deal_partners.approved_at,
        case when deal_partners.is_share_given then deal_partners.share end as share,
        {{ days_of_24_hours_after('deal_partners.approved_at', 'windows.registration_days') }} as protected_until
    from windows
    inner join deal_partners
        on
            windows.deal_id = deal_partners.deal_id
            and windows.partner_id = deal_partners.partner_id
    where deal_partners.registered_at is not null

),

registrations as (

    select
        *,
        case
            when approved_at is null or approved_at > decided_at then 'not_approved'
            when protected_until <= decided_at then 'lapsed'
            else 'in_force'
        end as registration_state
    from registered

),

referrals as (

    select
        windows.deal_id,
        windows.partner_id,
        windows.in_play_at,
        'lead:' || leads.lead_id as evidence_id,
        leads.created_at,
        {{ days_of_24_hours_after('leads.created_at', 'windows.referral_days') }} as binds_until
    from windows
    inner join leads
        on
            windows.customer_id = leads.customer_id
            and windows.partner_id = leads.partner_id
            and windows.decided_at >= leads.created_at

),

-- A lead is a referral and a registration is itself: what is left are visits, clicks and answers.
touched as (

    select
        windows.deal_id,
        windows.partner_id,
        count(*) as touches,
        count(case when touches.occurred_at > windows.in_play_at then 1 end) as touches_in_play,
        min(touches.occurred_at) as first_touch_at,
        max(touches.occurred_at) as last_touch_at,
        min(case when touches.occurred_at > windows.in_play_at then touches.occurred_at end) as first_in_play_at
    from windows
    inner join touches
        on
            {{ customer_account('windows.customer_id') }} = touches.account_id
            and windows.partner_id = touches.partner_id
            and windows.decided_at >= touches.occurred_at
    where
        touches.touch_source in ('touchpoint', 'activity_response')
        and (
            windows.touch_days is null
            or windows.decided_at < {{ days_of_24_hours_after('touches.occurred_at', 'windows.touch_days') }}
        )
    group by windows.deal_id, windows.partner_id

),

-- Who claims to have brought the deal, the strongest claim first: a registration in force, a binding referral, a role,
-- a registration that has lapsed, one that was not approved.
final as (

    select
        deal_id,
        partner_id,
        'registration' as basis,
        evidence_id,
        case
            when stated_role = 'sourced'
                then case registration_state when 'in_force' then 1 when 'lapsed' then 4 else 5 end
        end as claim_rank,
        case
            when stated_role = 'influenced' then 'influenced'
            when stated_role = 'sourced' and registered_at > in_play_at then 'influenced'
            else 'assisted'
        end as part,
        registered_at as happened_at,
        cast(share as {{ fraction() }}) as share,
        registered_at,
        approved_at,
        protected_until,
        registration_state,
        cast(null as bigint) as touches,
        cast(null as bigint) as touches_in_play,
        cast(null as {{ instant_type() }}) as first_touch_at,
        cast(null as {{ instant_type() }}) as last_touch_at
    from registrations
    union all
    select
        deal_id,
        partner_id,
        'referral' as basis,
        evidence_id,
        case
            when created_at <= in_play_at and (binds_until is null or binds_until > in_play_at) then 2
        end as claim_rank,
        case when created_at > in_play_at then 'influenced' else 'assisted' end as part,
        created_at as happened_at,
        null as share,
        null as registered_at,
        null as approved_at,
        null as protected_until,
        null as registration_state,
        null as touches,
        null as touches_in_play,
        null as first_touch_at,
        null as last_touch_at
    from referrals
    union all
    select
        deal_id,
        partner_id,
        'crm_role' as basis,
        evidence_id,
        case when role = 'sourced' then 3 end as claim_rank,
        case when role = 'influenced' then 'influenced' else 'assisted' end as part,
        stated_at as happened_at,
        share,
        null as registered_at,
        null as approved_at,
        null as protected_until,
        null as registration_state,
        null as touches,
        null as touches_in_play,
        null as first_touch_at,
        null as last_touch_at
    from crm_roles
    union all
    select
        deal_id,
        partner_id,
        'touch' as basis,
        'touches' as evidence_id,
        null as claim_rank,
        case when touches_in_play > 0 then 'influenced' else 'assisted' end as part,
        coalesce(first_in_play_at, first_touch_at) as happened_at,
        null as share,
        null as registered_at,
        null as approved_at,
        null as protected_until,
        null as registration_state,
        touches,
        touches_in_play,
        first_touch_at,
        last_touch_at
    from touched

)

select * from final
