with recursive

salesforce_merges as (

    select * from {{ ref('stg_salesforce__merges') }}

),

hubspot_merges as (

    select * from {{ ref('stg_hubspot__merges') }}

),

all_merges as (

    select
        'salesforce' as source,
        object,
        loser_id,
        master_id
    from salesforce_merges
    union all
    select
        'hubspot' as source,
        object,
        loser_id,
        master_id
    from hubspot_merges

),

-- A record that names itself was merged into nothing; of a loser that several records name, the first one is followed,
-- and where they were merged in turn all lead to one.
links as (

    select
        source,
        object,
        loser_id,
        min(master_id) as master_id
    from all_merges
    where loser_id <> master_id
    group by source, object, loser_id

),

-- Not `union`, by which a circle would end by itself: some engines repeat by `union all` alone.
steps as (

    select
        source,
        object,
        loser_id,
        master_id,
        ';' || loser_id || ';' as passed
    from links
    union all
    select
        steps.source,
        steps.object,
        steps.loser_id,
        links.master_id,
        steps.passed || links.loser_id || ';' as passed
    from steps
    inner join links
        on
            steps.source = links.source
            and steps.object = links.object
            and steps.master_id = links.loser_id
    where position(';' || links.loser_id || ';' in steps.passed) = 0

),

final as (

    select
        steps.source,
        steps.object,
        steps.loser_id,
        steps.master_id
    from steps
    left join links
        on
            steps.source = links.source
            and steps.object = links.object
            and steps.master_id = links.loser_id
    where links.loser_id is null

)

select * from final
