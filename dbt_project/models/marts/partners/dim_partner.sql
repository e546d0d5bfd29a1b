with

partners as (

    select * from {{ ref('int_partners') }}

),

versions as (

    select * from {{ ref('int_partner_versions') }}
    where is_current

),

spans as (

    select * from {{ ref('int_partner_activity_spans') }}

),

revenue as (

    select * from {{ ref('int_kpi_revenue') }}

),

roi_bands as (

    select * from {{ ref('roi_bands') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

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
        versions.status,
        versions.programmes,
        versions.tier,
        {{ report_day('partners.signed_at') }} as signed_on,
        case
            when {{ report_day('partners.terminated_at') }} <= parameters.as_of_on
                then {{ report_day('partners.terminated_at') }}
        end as terminated_on,
        first_revenue.first_revenue_on,
        active_partners.partner_id is not null as is_active,
        cast(roi_bands.roi_from as {{ exact() }}) as roi_from,
        cast(roi_bands.roi_to as {{ exact() }}) as roi_to,
        partners.source
    from partners
    inner join versions on partners.partner_id = versions.partner_id
    cross join parameters
    left join active_partners on partners.partner_id = active_partners.partner_id
    left join first_revenue on partners.partner_id = first_revenue.partner_id
    left join roi_bands
        on
            partners.partner_type = roi_bands.partner_type
            and parameters.as_of_on >= roi_bands.effective_from
            and (roi_bands.effective_to is null or parameters.as_of_on < roi_bands.effective_to)

)

select * from final
