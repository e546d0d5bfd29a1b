with

touches as (

    select * from {{ ref('int_touches') }}

),

final as (

    select distinct
        partner_id,
        {{ report_day('occurred_at') }} as visited_on,
        coalesce({{ stranger_account('contact', 'contact_id') }}, account_id) as visitor_id
    from touches
    where partner_id is not null and touch_source = 'touchpoint'

)

select * from final
