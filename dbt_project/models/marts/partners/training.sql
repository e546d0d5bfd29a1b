with

training as (

    select * from {{ ref('int_training') }}

),

final as (

    select
        training_id,
        partner_id,
        course,
        {{ report_day('coalesce(assigned_at, completed_at)') }} as assigned_on,
        {{ report_day('completed_at') }} as completed_on,
        completed_at is not null as is_completed,
        cast(
            {{ report_day('completed_at') }} - {{ report_day('coalesce(assigned_at, completed_at)') }} as integer
        ) as days_to_complete
    from training

)

select * from final
