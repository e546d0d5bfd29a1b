with

landed as (

    select * from {{ source('files', 'credit_notes') }}

),

latest as (

    {{ latest_by_key('landed', 'credit_note_id') }}

),

final as (

    select
        credit_note_id,
        invoice_id,
        cast(amount as {{ money() }}) as amount,
        issued_at,
        _load_id,
        _row
    from latest

)

select * from final
