with

payments as (

    select * from {{ ref('int_payments') }}

),

payment_ids as (

    select * from {{ ref('int_payment_ids') }}

),

disputes as (

    select * from {{ ref('int_disputes') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

delivered as (

    select
        refund_id,
        payment_id,
        amount,
        kind,
        true as is_of_refunds,
        'refunds' as object,
        refunded_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__refunds') }}
    union all
    select
        refunds.refund_id,
        coalesce(
            by_intent.payment_id, by_charge.payment_id, refunds.payment_intent_id, refunds.charge_id
        ) as payment_id,
        refunds.amount,
        'refund' as kind,
        true as is_of_refunds,
        'refunds' as object,
        refunds.refunded_at,
        'stripe' as source,
        refunds._load_id,
        refunds._file,
        refunds._row
    from {{ ref('stg_stripe__refunds') }} as refunds
    left join payment_ids as by_intent on refunds.payment_intent_id = by_intent.source_id
    left join payment_ids as by_charge on refunds.charge_id = by_charge.source_id
    where refunds.status = 'succeeded'

),

refunded as (

    select
        disputes.dispute_id,
        {{ only_where('sum', 'delivered.amount', 'delivered.refunded_at <= disputes.closed_at') }} as amount,
        {{ only_where('count', '*', "delivered.kind = 'dispute_lost'") }} as losses
    from disputes
    inner join delivered on disputes.payment_id = delivered.payment_id
    group by disputes.dispute_id

),

losses as (

    select distinct refund_id
    from delivered
    where kind = 'dispute_lost'

),

-- A lost dispute takes its amount back; one that names none takes what was collected and not refunded before. Where
-- the loss was delivered as a refund too, that one counts. A dispute is another thing than a refund with its id, unless
-- that says that it is the loss.
lost as (

    select
        disputes.dispute_id as refund_id,
        disputes.payment_id,
        coalesce(disputes.amount, payments.amount - payments.from_credit - coalesce(refunded.amount, 0)) as amount,
        'dispute_lost' as kind,
        losses.refund_id is not null as is_of_refunds,
        'disputes' as object,
        disputes.closed_at as refunded_at,
        disputes.source,
        disputes._load_id,
        disputes._file,
        disputes._row
    from disputes
    inner join payments on disputes.payment_id = payments.payment_id
    left join refunded on disputes.dispute_id = refunded.dispute_id
    left join losses on disputes.dispute_id = losses.refund_id
    where
        disputes.status = 'lost'
        and coalesce(refunded.losses, 0) = 0

),

gathered as (

    select * from delivered
    union all
    select * from lost
    where amount > 0

),

compared as (

    select
        *,
        row_number() over sources as precedence,
        first_value(amount) over sources as first_amount,
        first_value(payment_id) over sources as first_payment_id,
        first_value(source) over sources as first_source
    from gathered
    window
        sources as (
            partition by refund_id, is_of_refunds
            order by case source when 'files' then 1 else 2 end, _load_id, _row
        )

),

final as (

    select
        compared.refund_id,
        compared.payment_id,
        cast(compared.amount as {{ money() }}) as amount,
        compared.kind,
        compared.refunded_at,
        compared.object,
        compared.source,
        compared._load_id,
        compared._file,
        compared._row,
        case
            when compared.precedence > 1 then 'amount'
            when payments.payment_id is null then 'payment_id'
            when compared.amount < 0 then 'amount'
        end as set_aside_field,
        case
            when compared.precedence > 1
                then
                    compared.source || ' says ' || compared.amount || ' of payment ' || compared.payment_id || ', '
                    || compared.first_source || ' says ' || compared.first_amount || ' of payment '
                    || compared.first_payment_id || ' under the same id: the latter stays'
            when payments.payment_id is null
                then 'no counted payment ' || coalesce(compared.payment_id, '') || ' yet: the refund waits for it'
            when compared.amount < 0
                then 'a refund of ' || compared.amount || ': give what was given back as positive'
        end as set_aside_reason
    from compared
    left join payments on compared.payment_id = payments.payment_id
    cross join parameters
    where
        compared.refunded_at <= parameters.as_of
        and (
            compared.precedence = 1
            or compared.amount <> compared.first_amount
            or (compared.payment_id <> compared.first_payment_id and compared.source = compared.first_source)
        )

)

select * from final
