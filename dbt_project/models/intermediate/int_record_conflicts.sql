with

payments as (

    select * from {{ ref('int_payments') }}

),

refunds as (

    select * from {{ ref('int_refunds') }}

),

deals as (

    select * from {{ ref('int_deals') }}

),

invoices as (

    select * from {{ ref('int_invoices') }}

),

invoice_lines as (

    select * from {{ ref('int_invoice_lines') }}

),

stripe_invoices as (

    select * from {{ ref('stg_stripe__invoices') }}

),

stripe_disputes as (

    select * from {{ ref('stg_stripe__disputes') }}

),

file_disputes as (

    select * from {{ ref('stg_files__disputes') }}

),

disputes as (

    select * from {{ ref('int_disputes') }}

),

file_lines as (

    select * from {{ ref('stg_files__invoice_lines') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

quotes as (

    select * from {{ ref('stg_files__fx_rates') }}

),

currencies as (

    select * from {{ ref('int_currencies') }}

),

-- The same id with another amount.
amounts as (

    select
        'files' as source,
        *
    from {{ ref('stg_files__amount_conflicts') }}
    union all
    select
        'stripe' as source,
        *
    from {{ ref('stg_stripe__amount_conflicts') }}

),

-- Money that cannot be counted: what it was paid on, or given back of, is not there.
set_aside as (

    {{ set_aside_records('int_payment_records', "'payments'", 'payment_id') }}
    union all
    {{ set_aside_records('int_refund_records', 'object', 'refund_id') }}
    union all
    {{ set_aside_records('int_credit_note_records', "'credit_notes'", 'credit_note_id') }}
    union all
    select
        'files' as source,
        'disputes' as object,
        file_disputes.dispute_id as record_key,
        file_disputes._load_id,
        file_disputes._file,
        file_disputes._row,
        'payment_id' as field,
        'no counted payment ' || file_disputes.payment_id || ' yet: the dispute waits for it' as reason
    from file_disputes
    cross join parameters
    left join disputes on file_disputes.dispute_id = disputes.dispute_id
    where
        disputes.dispute_id is null
        and file_disputes.opened_at <= parameters.as_of
    union all
    select
        'stripe' as source,
        'disputes' as object,
        stripe_disputes.dispute_id as record_key,
        stripe_disputes._load_id,
        stripe_disputes._file,
        stripe_disputes._row,
        'payment_intent' as field,
        'no counted payment of '
        || coalesce(stripe_disputes.payment_intent_id, stripe_disputes.charge_id, 'the dispute')
        || ' yet: the dispute waits for it' as reason
    from stripe_disputes
    cross join parameters
    left join disputes on stripe_disputes.dispute_id = disputes.dispute_id
    where
        disputes.dispute_id is null
        and stripe_disputes.opened_at <= parameters.as_of
    union all
    select
        'files' as source,
        'invoice_lines' as object,
        file_lines.line_id as record_key,
        file_lines._load_id,
        file_lines._file,
        file_lines._row,
        'invoice_id' as field,
        'no billed invoice ' || file_lines.invoice_id || ' yet: the line waits for it' as reason
    from file_lines
    left join invoices on file_lines.invoice_id = invoices.invoice_id
    where invoices.invoice_id is null

),

-- One pair has one rate a day: of several, the one that arrived last counts.
numbered_quotes as (

    select
        *,
        row_number() over day_of_pair as recency,
        first_value(rate) over day_of_pair as counted_rate,
        first_value(fx_rate_id) over day_of_pair as counted_id
    from quotes
    where rate > 0 and from_currency <> to_currency
    window
        day_of_pair as (
            partition by rate_date, from_currency, to_currency
            order by _load_id desc, _row desc
        )

),

rates as (

    select
        fx_rate_id as record_key,
        _load_id,
        _file,
        _row,
        'rate ' || rate || ' is not above zero' as reason
    from quotes
    where rate <= 0
    union all
    select
        fx_rate_id as record_key,
        _load_id,
        _file,
        _row,
        'rate ' || rate || ' of ' || from_currency || ' to itself, which is always 1' as reason
    from quotes
    where
        from_currency = to_currency
        and rate > 0
        and rate <> 1
    union all
    select
        fx_rate_id as record_key,
        _load_id,
        _file,
        _row,
        'rate ' || rate || ' for a day and pair that ' || counted_id || ' gives as ' || counted_rate
        || ': the latter counts' as reason
    from numbered_quotes
    where
        recency > 1
        and rate <> counted_rate

),

-- References that lead nowhere.
dangling as (

    {{ missing_reference('invoices', 'invoice_id', 'customer_id', 'customers') }}
    union all
    {{ missing_reference('invoices', 'invoice_id', 'deal_id', 'deals') }}
    union all
    {{ missing_reference('invoice_lines', 'line_id', 'product_id', 'products') }}
    union all
    {{ missing_reference('deals', 'deal_id', 'customer_id', 'customers') }}
    union all
    {{ missing_reference('deal_partners', 'deal_partner_id', 'deal_id', 'deals') }}
    union all
    {{ missing_reference('deal_partners', 'deal_partner_id', 'partner_id', 'partners') }}
    union all
    {{ missing_reference('enrolments', 'enrolment_id', 'partner_id', 'partners') }}
    union all
    {{ missing_reference('contacts', 'contact_id', 'customer_id', 'customers') }}
    union all
    {{ missing_reference('leads', 'lead_id', 'partner_id', 'partners', source='record_source') }}
    union all
    {{ missing_reference('leads', 'lead_id', 'customer_id', 'customers', source='record_source') }}
    union all
    {{ missing_reference('touchpoints', 'touchpoint_id', 'partner_id', 'partners') }}
    union all
    {{ missing_reference('activities', 'activity_id', 'partner_id', 'partners') }}
    union all
    {{ missing_reference('activity_responses', 'response_id', 'activity_id', 'activities') }}
    union all
    {{ missing_reference('costs', 'cost_id', 'partner_id', 'partners') }}
    union all
    {{ missing_reference('surveys', 'survey_id', 'partner_id', 'partners') }}
    union all
    {{ missing_reference('tickets', 'ticket_id', 'partner_id', 'partners') }}
    union all
    {{ missing_reference('onboarding_steps', 'step_id', 'partner_id', 'partners') }}
    union all
    {{ missing_reference('training', 'training_id', 'partner_id', 'partners') }}
    union all
    {{ missing_reference('holds', 'hold_id', 'partner_id', 'partners') }}

),

refunded as (

    select
        payment_id,
        sum(amount) as amount,
        {{ only_where('max', 'refund_id', 'amount > 0') }} as refund_id
    from refunds
    group by payment_id

),

line_sums as (

    select
        invoice_id,
        sum(net) as net,
        sum(tax) as tax
    from invoice_lines
    group by invoice_id

),

-- Records that count although something about them is odd.
odd as (

    select
        source,
        'deals' as object,
        deal_id as record_key,
        _load_id,
        _file,
        _row,
        'customer_id' as field,
        'the deal names no customer' as reason
    from deals
    where customer_id is null
    union all
    select
        source,
        'deals' as object,
        deal_id as record_key,
        _load_id,
        _file,
        _row,
        'closed_at' as field,
        'the deal is won and has no close: it is no conversion of any month' as reason
    from deals
    where
        is_won
        and closed_at is null
    union all
    select
        refunds.source,
        refunds.object,
        refunds.refund_id as record_key,
        refunds._load_id,
        refunds._file,
        refunds._row,
        'amount' as field,
        'payment ' || payments.payment_id || ' of ' || payments.amount || ' has refunds of '
        || refunded.amount as reason
    from refunded
    inner join refunds on refunded.refund_id = refunds.refund_id and refunded.payment_id = refunds.payment_id
    inner join payments on refunded.payment_id = payments.payment_id
    where refunded.amount > payments.amount
    union all
    {{ amounts_of_zero('payments', "'payments'", 'payment_id') }}
    union all
    {{ amounts_of_zero('refunds', 'object', 'refund_id') }}
    union all
    select
        'stripe' as source,
        'invoices' as object,
        stripe_invoices.invoice_id as record_key,
        stripe_invoices._load_id,
        stripe_invoices._file,
        stripe_invoices._row,
        'lines' as field,
        'the lines come to ' || (line_sums.net + line_sums.tax) || ', the invoice to '
        || stripe_invoices.total as reason
    from stripe_invoices
    inner join invoices on stripe_invoices.invoice_id = invoices.invoice_id
    inner join line_sums on stripe_invoices.invoice_id = line_sums.invoice_id
    where
        invoices.source = 'stripe'
        and line_sums.net + line_sums.tax <> stripe_invoices.total
    union all
    select
        invoices.source,
        'invoices' as object,
        invoices.invoice_id as record_key,
        invoices._load_id,
        invoices._file,
        invoices._row,
        'currency' as field,
        'there is no currency ' || invoices.currency as reason
    from invoices
    left join currencies on invoices.currency = currencies.currency
    where currencies.currency is null
    union all
    select
        payments.source,
        'payments' as object,
        payments.payment_id as record_key,
        payments._load_id,
        payments._file,
        payments._row,
        'amount' as field,
        payments.amount || ' has more decimals than ' || payments.currency || ' has' as reason
    from payments
    inner join currencies on payments.currency = currencies.currency
    where
        payments.amount <> case currencies.minor_unit
            when 0 then round(payments.amount, 0)
            when 2 then round(payments.amount, 2)
            else payments.amount
        end

),

gathered as (

    select
        source,
        object,
        record_key,
        _load_id,
        _file,
        _row,
        'amount' as field,
        reason,
        'set_aside' as disposition
    from amounts
    union all
    select
        source,
        object,
        record_key,
        _load_id,
        _file,
        _row,
        field,
        reason,
        'set_aside' as disposition
    from set_aside
    union all
    select
        'files' as source,
        'fx_rates' as object,
        record_key,
        _load_id,
        _file,
        _row,
        'rate' as field,
        reason,
        'set_aside' as disposition
    from rates
    union all
    select
        source,
        object,
        record_key,
        _load_id,
        _file,
        _row,
        field,
        reason,
        'kept' as disposition
    from dangling
    union all
    select
        source,
        object,
        record_key,
        _load_id,
        _file,
        _row,
        field,
        reason,
        'kept' as disposition
    from odd

),

final as (

    select
        source,
        object,
        record_key,
        _load_id as load_id,
        _file as file,
        _row as row,
        field,
        reason,
        disposition
    from gathered

)

select * from final
