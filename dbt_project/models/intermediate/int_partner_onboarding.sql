with

partners as (

    select * from {{ ref('int_partners') }}

),

steps as (

    select * from {{ ref('int_onboarding_steps') }}

),

-- A step done twice was done when it was done first. What else a company asks of its partners is none of the five.
first_done as (

    select
        partner_id,
        step,
        min(completed_at) as completed_at
    from steps
    where
        completed_at is not null
        and step in ('welcome_call', 'overview', 'training', 'resources', 'first_project')
    group by {{ first_columns(2) }}

),

counted as (

    select
        partner_id,
        step,
        completed_at,
        row_number() over (partition by partner_id order by completed_at, step) as step_number
    from first_done

),

by_partner as (

    select
        partner_id,
        count(*) as steps_completed,
        max(case when step = 'welcome_call' then completed_at end) as welcome_call_at,
        max(case when step = 'overview' then completed_at end) as overview_at,
        max(case when step = 'training' then completed_at end) as training_at,
        max(case when step = 'resources' then completed_at end) as resources_at,
        max(case when step = 'first_project' then completed_at end) as first_project_at,
        max(case when step_number = 5 then completed_at end) as completed_at
    from counted
    group by partner_id

),

days as (

    select
        partners.partner_id,
        {{ report_day('partners.signed_at') }} as signed_on,
        coalesce(by_partner.steps_completed, 0) as steps_completed,
        {{ report_day('by_partner.welcome_call_at') }} as welcome_call_on,
        {{ report_day('by_partner.overview_at') }} as overview_on,
        {{ report_day('by_partner.training_at') }} as training_on,
        {{ report_day('by_partner.resources_at') }} as resources_on,
        {{ report_day('by_partner.first_project_at') }} as first_project_on,
        {{ report_day('by_partner.completed_at') }} as completed_on
    from partners
    left join by_partner on partners.partner_id = by_partner.partner_id

),

final as (

    select
        partner_id,
        signed_on,
        welcome_call_on,
        overview_on,
        training_on,
        resources_on,
        first_project_on,
        completed_on,
        steps_completed,
        -- Who was through before it signed took no days.
        case when completed_on < signed_on then 0 else completed_on - signed_on end as days_to_complete
    from days

)

select * from final
