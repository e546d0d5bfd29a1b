with

landed as (

    select * from {{ source('stripe', 'invoice') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

prices as (

    select * from {{ ref('stg_stripe__prices') }}

),

versions as (

    {{ latest_by_key('landed', 'id', version=none, deleted=none) }}

),

invoices as (

    select
        {{ text('id') }} as invoice_id,
        {{ code('currency') }} as currency,
        lines,
        coalesce(
            {{ json_total('_raw', '$.total_taxes', 'amount') }},
            {{ json_total('_raw', '$.total_tax_amounts', 'amount') }},
            {{ json_integer('_raw', '$.tax') }},
            0
        ) as invoice_tax,
        _load_id,
        _file,
        _row
    from versions

),

elements as (

    select
        invoice_id,
        currency,
        invoice_tax,
        {{ json_elements('lines', '$.data') }} as line,
        _load_id,
        _file,
        _row
    from invoices

),

-- Amounts in minor units. A tax that is in the price already is no part of the net; a discount is neither.
parsed as (

    select
        {{ json_text('line', '$.id') }} as line_id,
        invoice_id,
        currency,
        coalesce(
            {{ json_text('line', '$.pricing.price_details.product') }},
            {{ json_text('line', '$.price.product') }},
            {{ json_text('line', '$.plan.product') }}
        ) as product_id,
        coalesce(
            {{ json_text('line', '$.pricing.price_details.price') }},
            {{ json_text('line', '$.price.id') }}
        ) as price_id,
        coalesce({{ json_integer('line', '$.amount') }}, 0)
        - coalesce({{ json_total('line', '$.discount_amounts', 'amount') }}, 0)
        - coalesce(
            {{ json_total('line', '$.taxes', 'amount', 'tax_behavior', 'inclusive') }},
            {{ json_total('line', '$.tax_amounts', 'amount', 'inclusive', 'true') }},
            0
        ) as net,
        coalesce(
            {{ json_total('line', '$.taxes', 'amount') }},
            {{ json_total('line', '$.tax_amounts', 'amount') }}
        ) as line_tax,
        invoice_tax,
        _load_id,
        _file,
        _row
    from elements

),

-- Tax that only the invoice names is spread over its lines by their net, cumulatively: the parts sum to the whole.
spread as (

    select
        *,
        sum(coalesce(line_tax, 0)) over invoice as taxed_by_lines,
        sum(net) over invoice as invoice_net,
        sum(net) over so_far as net_so_far
    from parsed
    window
        invoice as (partition by invoice_id),
        so_far as (partition by invoice_id order by line_id rows between unbounded preceding and current row)

),

taxed as (

    select
        *,
        case
            when taxed_by_lines <> 0 or invoice_tax = 0 or invoice_net = 0 then coalesce(line_tax, 0)
            else
                {{ whole_quotient('invoice_tax * net_so_far', 'invoice_net') }}
                - {{ whole_quotient('invoice_tax * (net_so_far - net)', 'invoice_net') }}
        end as tax
    from spread

),

final as (

    select
        taxed.line_id,
        taxed.invoice_id,
        coalesce(taxed.product_id, prices.product_id) as product_id,
        {{ from_minor_units('taxed.net', 'currencies.stripe_minor_unit') }} as net,
        {{ from_minor_units('taxed.tax', 'currencies.stripe_minor_unit') }} as tax,
        taxed._load_id,
        taxed._file,
        taxed._row
    from taxed
    left join prices on taxed.price_id = prices.price_id
    left join currencies on taxed.currency = currencies.currency

)

select * from final
