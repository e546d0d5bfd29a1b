with

files as (

    select * from {{ ref('stg_files__credit_notes') }}

),

final as (

    select
        credit_note_id,
        invoice_id,
        amount,
        issued_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
