-- Cells that a guest may see. The cells are the nodes of one tree: all partners, then types, then countries within a type.
-- What can be computed from published nodes by adding and subtracting are unions of published leaves and of the
-- remainders "parent less its published children". Each of these holds at least five partners, or nobody:
--   1. a node is published only if its parent is, and if five partners contributed;
--   2. a parent's children that are left out come to nobody, or to five together; else the smallest one that would be
--      published (ties by name) is left out with them.
-- Running months are left out: from one publication to the next, their difference would be one event.
with

contributions as (

    select
        scorecard.month,
        figures.figure,
        scorecard.partner_id,
        coalesce(scorecard.partner_type, 'unknown') as partner_type,
        coalesce(scorecard.country, 'unknown') as country,
        figures.value
    from partners.scorecard_monthly as scorecard
    cross join lateral (
        values
        ('active_partners', cast(scorecard.is_active as bigint)),
        ('leads', scorecard.leads),
        ('qualified_leads', scorecard.qualified_leads),
        ('new_customers', scorecard.new_customers)
    ) as figures (figure, value)
    where scorecard.is_closed and figures.value <> 0

),

nodes as (

    select
        month,
        figure,
        case when grouping(partner_type) = 1 then 'all' else partner_type end as partner_type,
        case when grouping(country) = 1 then 'all' else country end as country,
        grouping(partner_type) + grouping(country) as height,
        count(distinct partner_id) as partners,
        sum(value) as value
    from contributions
    group by grouping sets ((month, figure), (month, figure, partner_type), (month, figure, partner_type, country))

),

-- Types are siblings of each other, and countries within their type; the root has none.
placed as (

    select
        *,
        case when height = 0 then partner_type else '' end as parent,
        case when partners < 5 then partners else 0 end as small
    from nodes

),

judged as (

    select
        *,
        sum(small) over siblings as small_together,
        row_number() over (siblings order by small > 0, partners, partner_type, country) as place
    from placed
    window siblings as (partition by month, figure, height, parent)

),

kept as (

    select *
    from judged
    where small = 0 and (small_together = 0 or small_together >= 5 or place > 1)

),

final as (

    select
        kept.month,
        kept.figure,
        kept.partner_type,
        kept.country,
        cast(kept.partners as bigint) as partners,
        cast(kept.value as bigint) as value
    from kept
    left join kept as types
        on kept.month = types.month and kept.figure = types.figure and kept.partner_type = types.partner_type
        and kept.height + 1 = types.height
    where kept.height > 0 or types.month is not null

)

select * from final
order by month, figure, partner_type, country
