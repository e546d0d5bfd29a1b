with

tickets as (

    select * from {{ ref('int_tickets') }}

),

final as (

    select
        ticket_id,
        partner_id,
        {{ report_day('opened_at') }} as opened_on,
        {{ report_day('closed_at') }} as closed_on,
        case when closed_at is null then 'open' else 'closed' end as status,
        cast({{ report_day('closed_at') }} - {{ report_day('opened_at') }} as integer) as days_to_close,
        score
    from tickets

)

select * from final
