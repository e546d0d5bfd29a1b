with

movements as (

    select * from {{ ref('int_billing_movements') }}

),

shares as (

    select * from {{ ref('int_order_partners') }}

),

final as (

    select
        movements.movement_kind,
        movements.movement_id,
        shares.partner_id,
        shares.role,
        shares.share
    from movements
    inner join shares
        on
            movements.invoice_id = shares.order_id
            and shares.order_kind = 'invoice'
    where shares.role in ('sourced', 'influenced')

)

select * from final
