with

payments as (

    select
        {{ text('payment_id') }} as record_key,
        {{ landed_money('amount') }} as amount,
        {{ landed_money('coalesce(from_credit, 0)') }} as from_credit,
        {{ code('currency') }} as currency,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from {{ source('files', 'payments') }}

),

refunds as (

    select
        {{ text('refund_id') }} as record_key,
        {{ landed_money('amount') }} as amount,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from {{ source('files', 'refunds') }}

),

credit_notes as (

    select
        {{ text('credit_note_id') }} as record_key,
        {{ landed_money('amount') }} as amount,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from {{ source('files', 'credit_notes') }}

),

payment_versions as (

    {{ standing_by_key('payments', 'record_key', ['amount', 'from_credit', 'currency']) }}

),

refund_versions as (

    {{ standing_by_key('refunds', 'record_key', ['amount']) }}

),

credit_note_versions as (

    {{ standing_by_key('credit_notes', 'record_key', ['amount']) }}

),

final as (

    select
        'payments' as object,
        record_key,
        _load_id,
        _file,
        _row,
        'delivered again as ' || amount || ' ' || currency || ' (from_credit ' || from_credit || ') in ' || _file
        || ', without a newer updated_at; ' || _first_amount || ' ' || _first_currency || ' (from_credit '
        || _first_from_credit || ') of ' || _first_file || ' stays' as reason
    from payment_versions
    where _standing = 'conflict'
    union all
    select
        'refunds' as object,
        record_key,
        _load_id,
        _file,
        _row,
        'delivered again as ' || amount || ' in ' || _file || ', without a newer updated_at; ' || _first_amount
        || ' of ' || _first_file || ' stays' as reason
    from refund_versions
    where _standing = 'conflict'
    union all
    select
        'credit_notes' as object,
        record_key,
        _load_id,
        _file,
        _row,
        'delivered again as ' || amount || ' in ' || _file || ', without a newer updated_at; ' || _first_amount
        || ' of ' || _first_file || ' stays' as reason
    from credit_note_versions
    where _standing = 'conflict'

)

select * from final
