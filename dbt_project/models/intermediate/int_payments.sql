with

files as (

    select * from {{ ref('stg_files__payments') }}

),

final as (

    select
        payment_id,
        invoice_id,
        amount,
        from_credit,
        currency,
        paid_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from files

)

select * from final
