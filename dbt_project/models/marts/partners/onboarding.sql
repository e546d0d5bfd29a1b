with

onboarding as (

    select * from {{ ref('int_partner_onboarding') }}

),

partners as (

    select * from {{ ref('int_partners') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

final as (

    select
        onboarding.partner_id,
        partners.partner_type,
        onboarding.signed_on,
        onboarding.welcome_call_on,
        onboarding.overview_on,
        onboarding.training_on,
        onboarding.resources_on,
        onboarding.first_project_on,
        onboarding.completed_on,
        cast(onboarding.steps_completed as integer) as steps_completed,
        cast(onboarding.days_to_complete as integer) as days_to_complete,
        case
            when onboarding.completed_on is null and onboarding.signed_on <= parameters.as_of_on
                then cast(parameters.as_of_on - onboarding.signed_on as integer)
        end as days_open,
        case
            when onboarding.completed_on is not null then 'completed'
            when onboarding.steps_completed > 0 then 'in_progress'
            else 'not_started'
        end as status
    from onboarding
    inner join partners on onboarding.partner_id = partners.partner_id
    cross join parameters

)

select * from final
