with

orders as (

    select * from {{ ref('int_orders') }}

),

deals as (

    select * from {{ ref('int_deals') }}

),

deal_partners as (

    select * from {{ ref('int_deal_partners') }}

),

leads as (

    select * from {{ ref('int_leads') }}

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

-- A deal's partners: one row each. A sourcing partner without a share takes an equal part of what is left.
given as (

    select
        deal_id,
        partner_id,
        role,
        share,
        {{ only_where('count', '*', "share is null and role = 'sourced'") }} over deal as without_share,
        cast(
            coalesce({{ only_where('sum', 'share', "role = 'sourced'") }} over deal, 0) as {{ fraction() }}
        ) as given_share
    from deal_partners
    window deal as (partition by deal_id)

),

filled as (

    select
        deal_id,
        partner_id,
        role,
        cast(
            coalesce(
                share,
                case
                    when role = 'sourced' and given_share < 1
                        then {{ fraction_ratio('(1 - given_share)', 'cast(without_share as ' ~ fraction() ~ ')') }}
                end,
                0
            ) as {{ fraction() }}
        ) as share
    from given

),

by_role as (

    select
        deal_id,
        partner_id,
        role,
        cast(sum(share) as {{ fraction() }}) as share
    from filled
    where share > 0
    group by deal_id, partner_id, role

),

-- Shares that were meant to be a whole and were written with a few decimals are one; more than a whole is an error.
weighed as (

    select
        by_role.*,
        cast(sum(share) over (partition by deal_id, role) as {{ fraction() }}) as role_share,
        cast(sum(share) over (partition by deal_id) as {{ fraction() }}) as deal_share
    from by_role

),

deal_shares as (

    select
        deal_id,
        partner_id,
        role,
        share,
        role_share,
        deal_share
    from weighed

),

partnered_deals as (

    select distinct deal_id
    from deal_shares

),

-- Without partners on the deal: the partner whose lead of this customer was the first, before the order.
customer_leads as (

    select
        coalesce(leads.customer_id, contacts.customer_id) as customer_id,
        leads.partner_id,
        leads.created_at,
        leads.lead_id
    from leads
    left join contacts using (contact_id)
    where leads.partner_id is not null

),

unpartnered as (

    select orders.*
    from orders
    left join partnered_deals using (deal_id)
    where partnered_deals.deal_id is null

),

referred as (

    {% call first_of_each('unpartnered.order_key', 'customer_leads.created_at, customer_leads.lead_id') %}
    select
        unpartnered.order_key,
        unpartnered.order_kind,
        unpartnered.order_id,
        customer_leads.partner_id
    from unpartnered
    inner join customer_leads
        on
            unpartnered.customer_id = customer_leads.customer_id
            and unpartnered.order_at >= customer_leads.created_at
    {% endcall %}

),

-- Else, where there is no deal at all, the partners of the customer's first won deal that has any, up to the order.
first_deals as (

    {% call first_of_each('unpartnered.order_key', 'deals.closed_at, deals.deal_id') %}
    select
        unpartnered.order_key,
        unpartnered.order_kind,
        unpartnered.order_id,
        deals.deal_id
    from unpartnered
    inner join deals
        on
            unpartnered.customer_id = deals.customer_id
            and unpartnered.order_at >= deals.closed_at
            and deals.is_won
    inner join partnered_deals on deals.deal_id = partnered_deals.deal_id
    left join referred using (order_key)
    where referred.order_key is null and unpartnered.deal_id is null
    {% endcall %}

),

assigned as (

    select
        orders.order_key,
        orders.order_kind,
        orders.order_id,
        deal_shares.partner_id,
        deal_shares.role,
        deal_shares.share,
        deal_shares.role_share,
        deal_shares.deal_share,
        'deal' as bound_by
    from orders
    inner join deal_shares using (deal_id)
    union all
    select
        referred.order_key,
        referred.order_kind,
        referred.order_id,
        referred.partner_id,
        'sourced' as role,
        1 as share,
        1 as role_share,
        1 as deal_share,
        'lead' as bound_by
    from referred
    union all
    select
        first_deals.order_key,
        first_deals.order_kind,
        first_deals.order_id,
        deal_shares.partner_id,
        deal_shares.role,
        deal_shares.share,
        deal_shares.role_share,
        deal_shares.deal_share,
        'first_deal' as bound_by
    from first_deals
    inner join deal_shares using (deal_id)

),

final as (

    select
        order_kind,
        order_id,
        partner_id,
        role,
        cast(
            case
                when abs(role_share - 1) <= 0.0005 then {{ fraction_ratio('share', 'role_share') }}
                else share
            end as {{ fraction() }}
        ) as share,
        cast(share as {{ fraction() }}) as given_share,
        cast(role_share as {{ fraction() }}) as role_share,
        cast(deal_share as {{ fraction() }}) as deal_share,
        bound_by,
        order_key
    from assigned

)

select * from final
