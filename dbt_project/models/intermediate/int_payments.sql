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
        'files' as source
    from files

)

select * from final
