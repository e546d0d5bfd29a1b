with

landed as (

    select * from {{ source('files', 'credit_notes') }}

),

typed as (

    select
        {{ text('credit_note_id') }} as credit_note_id,
        {{ text('invoice_id') }} as invoice_id,
        {{ landed_money('amount') }} as amount,
        issued_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ standing_by_key('typed', 'credit_note_id', ['amount']) }}

),

final as (

    select
        credit_note_id,
        invoice_id,
        amount,
        issued_at,
        _load_id,
        _file,
        _row
    from versions
    where _standing = 'valid' and not coalesce(is_deleted, false)

)

select * from final
