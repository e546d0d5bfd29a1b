with

leads as (

    select * from {{ ref('int_kpi_leads') }}

),

counted as (

    select
        cast(date_trunc('month', created_on) as date) as month,
        coalesce(partner_id, 'none') as partner_id,
        count(*) as leads,
        count(case when is_qualified then 1 end) as qualified_leads,
        count(case when is_converted then 1 end) as converted_leads,
        sum({{ days_between('created_on', 'qualified_on') }}) as days_to_qualify,
        count(qualified_on) as dated_leads
    from leads
    group by {{ first_columns(2) }}

),

final as (

    select
        month,
        partner_id,
        leads,
        qualified_leads,
        converted_leads,
        cast(round({{ exact_ratio('100 * qualified_leads', 'leads') }}, 6) as {{ exact() }}) as lead_quality,
        cast(round({{ exact_ratio('100 * converted_leads', 'leads') }}, 6) as {{ exact() }}) as conversion,
        cast(round({{ exact_ratio('days_to_qualify', 'dated_leads') }}, 6) as {{ exact() }}) as days_to_qualify
    from counted

)

select * from final
