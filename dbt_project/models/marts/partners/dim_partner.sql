with

partners as (

    select * from {{ ref('int_partners') }}

),

enrolments as (

    select * from {{ ref('int_enrolments') }}

),

spans as (

    select * from {{ ref('int_partner_activity_spans') }}

),

revenue as (

    select * from {{ ref('int_kpi_revenue') }}

),

tiers as (

    select * from {{ ref('int_partner_month_tiers') }}

),

roi_bands as (

    select * from {{ ref('roi_bands') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

current_programmes as (

    select
        enrolments.partner_id,
        string_agg(distinct enrolments.programme, ', ' order by enrolments.programme asc) as programmes
    from enrolments
    cross join parameters
    where
        enrolments.starts_on <= parameters.as_of_on
        and (enrolments.ends_on is null or enrolments.ends_on > parameters.as_of_on)
    group by enrolments.partner_id

),

active_partners as (

    select distinct spans.partner_id
    from spans
    cross join parameters
    where
        spans.active_from <= parameters.as_of_on
        and spans.active_until > parameters.as_of_on

),

first_revenue as (

    select
        partner_id,
        min(occurred_on) as first_revenue_on
    from revenue
    where net_collected > 0 and share > 0
    group by partner_id

),

final as (

    select
        partners.partner_id,
        partners.name,
        partners.partner_type,
        partners.country,
        partners.currency,
        partners.status,
        current_programmes.programmes,
        tiers.tier,
        {{ report_day('partners.signed_at') }} as signed_on,
        {{ report_day('partners.terminated_at') }} as terminated_on,
        first_revenue.first_revenue_on,
        active_partners.partner_id is not null as is_active,
        cast(roi_bands.roi_from as {{ exact() }}) as roi_from,
        cast(roi_bands.roi_to as {{ exact() }}) as roi_to,
        partners.source
    from partners
    cross join parameters
    left join current_programmes on partners.partner_id = current_programmes.partner_id
    left join active_partners on partners.partner_id = active_partners.partner_id
    left join first_revenue on partners.partner_id = first_revenue.partner_id
    left join tiers
        on
            partners.partner_id = tiers.partner_id
            and tiers.is_newest
    left join roi_bands
        on
            partners.partner_type = roi_bands.partner_type
            and parameters.as_of_on >= roi_bands.effective_from
            and (roi_bands.effective_to is null or parameters.as_of_on < roi_bands.effective_to)

)

select * from final
