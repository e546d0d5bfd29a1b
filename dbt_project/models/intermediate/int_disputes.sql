with

payments as (

    select * from {{ ref('int_payments') }}

),

payment_ids as (

    select * from {{ ref('int_payment_ids') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

records as (

    select
        dispute_id,
        payment_id,
        status,
        cast(null as {{ money() }}) as amount,
        opened_at,
        closed_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__disputes') }}
    union all
    -- An inquiry that was closed (`warning_closed`) or prevented took no money: won.
    select
        disputes.dispute_id,
        coalesce(by_intent.payment_id, by_charge.payment_id) as payment_id,
        case
            when disputes.status = 'lost' then 'lost'
            when disputes.status in ('won', 'warning_closed', 'prevented') then 'won'
            else 'open'
        end as status,
        disputes.amount,
        disputes.opened_at,
        disputes.closed_at,
        'stripe' as source,
        disputes._load_id,
        disputes._file,
        disputes._row
    from {{ ref('stg_stripe__disputes') }} as disputes
    left join payment_ids as by_intent on disputes.payment_intent_id = by_intent.source_id
    left join payment_ids as by_charge on disputes.charge_id = by_charge.source_id

),

distinct_records as (

    {{ first_source('records', 'dispute_id') }}

),

dated as (

    select
        distinct_records.*,
        parameters.as_of,
        case
            when distinct_records.status in ('won', 'lost')
                then coalesce(distinct_records.closed_at, distinct_records.opened_at)
        end as ended_at
    from distinct_records
    cross join parameters
    where distinct_records.opened_at <= parameters.as_of

),

-- Decided after the run's instant is open at it.
final as (

    select
        dated.dispute_id,
        dated.payment_id,
        case when dated.ended_at <= dated.as_of then dated.status else 'open' end as status,
        dated.amount,
        dated.opened_at,
        case when dated.ended_at <= dated.as_of then dated.ended_at end as closed_at,
        dated.source,
        dated._load_id,
        dated._file,
        dated._row
    from dated
    inner join payments on dated.payment_id = payments.payment_id

)

select * from final
