with

touchpoints as (

    select * from {{ ref('int_touchpoints') }}

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

responses as (

    select * from {{ ref('int_activity_responses') }}

),

activities as (

    select * from {{ ref('int_activities') }}

),

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

touch_sources as (

    select * from {{ ref('attribution_touch_sources') }}

),

channels as (

    select * from {{ ref('attribution_channels') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

visits as (

    select
        {{ touchpoint_id('touchpoints.touchpoint_id') }} as touchpoint_id,
        'touchpoint' as touch_source,
        touchpoints.occurred_at,
        touchpoints.customer_id,
        touchpoints.contact_id,
        touchpoints.anonymous_id,
        touchpoints.partner_id,
        touchpoints.channel,
        touchpoints.kind
    from touchpoints

),

activity_touches as (

    select
        {{ touch_id('activity_response', 'responses.response_id') }} as touchpoint_id,
        'activity_response' as touch_source,
        responses.occurred_at,
        cast(null as {{ text_type() }}) as customer_id,
        responses.contact_id,
        cast(null as {{ text_type() }}) as anonymous_id,
        activities.partner_id,
        coalesce(activities.kind, 'activity') as channel,
        responses.kind
    from responses
    left join activities on responses.activity_id = activities.activity_id

),

-- Of a CRM's roles beside the deal's partners, those of partners that are none of these, when they were first stated.
other_roles as (

    {% call first_of_each('crm_roles.deal_id, crm_roles.partner_id', 'crm_roles.stated_at, crm_roles.evidence_id') %}
    select
        crm_roles.evidence_id,
        crm_roles.deal_id,
        crm_roles.partner_id,
        crm_roles.role,
        crm_roles.stated_at
    from crm_roles
    left join deal_partners
        on
            crm_roles.deal_id = deal_partners.deal_id
            and crm_roles.partner_id = deal_partners.partner_id
    where crm_roles.stated_at is not null and deal_partners.deal_partner_id is null
    {% endcall %}

),

roles as (

    select
        {{ touch_id('deal_registration', 'deal_partner_id') }} as touchpoint_id,
        'deal_registration' as touch_source,
        deal_id,
        partner_id,
        role,
        registered_at as stated_at
    from deal_partners
    where registered_at is not null
    union all
    select
        {{ touch_id('partner_role', 'deal_partner_id') }} as touchpoint_id,
        'partner_role' as touch_source,
        deal_id,
        partner_id,
        role,
        null as stated_at
    from deal_partners
    where registered_at is null
    union all
    select
        {{ touch_id('partner_role', 'evidence_id') }} as touchpoint_id,
        'partner_role' as touch_source,
        deal_id,
        partner_id,
        role,
        stated_at
    from other_roles

),

-- A role that nobody registered is known from when the deal came into play, if nothing says since when.
deal_touches as (

    select
        roles.touchpoint_id,
        roles.touch_source,
        coalesce(roles.stated_at, deals.opportunity_at, deals.created_at) as occurred_at,
        deals.customer_id,
        cast(null as {{ text_type() }}) as contact_id,
        cast(null as {{ text_type() }}) as anonymous_id,
        roles.partner_id,
        cast(null as {{ text_type() }}) as channel,
        roles.role as kind
    from roles
    inner join deals on roles.deal_id = deals.deal_id
    where coalesce(roles.stated_at, deals.opportunity_at, deals.created_at) is not null

),

referrals as (

    select
        {{ touch_id('referral_submission', 'lead_id') }} as touchpoint_id,
        'referral_submission' as touch_source,
        created_at as occurred_at,
        customer_id,
        contact_id,
        cast(null as {{ text_type() }}) as anonymous_id,
        partner_id,
        cast(null as {{ text_type() }}) as channel,
        source as kind
    from leads
    where partner_id is not null

),

gathered as (

    select * from visits
    union all
    select * from activity_touches
    union all
    select * from deal_touches
    union all
    select * from referrals

),

-- What nobody earned is reported under `unattributed`, what no partner brought under `no_partner`; a source that calls
-- a channel or a partner so does not know it.
counted as (

    select
        gathered.*,
        coalesce(
            case when lower(gathered.channel) <> 'unattributed' then gathered.channel end,
            touch_sources.channel,
            'unknown'
        ) as known_channel,
        {{ named_partner('gathered.partner_id') }} as known_partner_id
    from gathered
    inner join touch_sources
        on
            gathered.touch_source = touch_sources.touch_source
            and touch_sources.is_counted

),

described as (

    select
        counted.touchpoint_id,
        counted.touch_source,
        coalesce(
            {{ customer_account('coalesce(counted.customer_id, contacts.customer_id)') }},
            {{ stranger_account('contact', 'counted.contact_id') }},
            {{ stranger_account('anonymous', 'counted.anonymous_id') }}
        ) as account_id,
        counted.contact_id,
        counted.known_partner_id as partner_id,
        counted.known_channel as channel,
        coalesce(channels.channel_group, 'other') as channel_group,
        coalesce(channels.is_direct, false) as is_direct,
        counted.kind,
        counted.occurred_at
    from counted
    inner join parameters on counted.occurred_at <= parameters.as_of
    left join contacts on counted.contact_id = contacts.contact_id
    left join channels on lower(counted.known_channel) = channels.channel

),

-- The order of touches, where several are of one instant too.
ordered as (

    select * from described
    order by
        occurred_at,
        touchpoint_id

),

final as (

    select
        {{ row_key() }} as touch_key,
        ordered.*
    from ordered

)

select * from final
