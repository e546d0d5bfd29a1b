with

partners as (

    select
        partner_id,
        {{ report_day('signed_at') }} as signed_on,
        {{ report_day('terminated_at') }} as terminated_on
    from {{ ref('int_partners') }}

),

enrolments as (

    select * from {{ ref('int_enrolments') }}

),

tiers as (

    select * from {{ ref('int_partner_month_tiers') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

accounts as (

    select * from {{ ref('stg_salesforce__account_versions') }}

),

files as (

    select * from {{ ref('stg_files__partner_versions') }}

),

versions as (

    select
        'account' as said_by,
        account_id as partner_id,
        partner_status as status,
        owner_id as manager_id,
        changed_at,
        _load_id,
        _row
    from accounts
    union all
    select
        'file' as said_by,
        partner_id,
        status,
        manager_id,
        changed_at,
        _load_id,
        _row
    from files

),

dated as (

    select
        *,
        {{ report_day('changed_at') }} as changed_on
    from versions

),

-- Of several versions of one day, the last one counts for the whole of it.
last_of_day as (

    {% call first_of_each('said_by, partner_id, changed_on', 'changed_at desc, _load_id desc, _row desc') %}
    select *
    from dated
    {% endcall %}

),

-- What a system does not say any more is empty; where it said nothing new, null.
said_on as (

    select
        partner_id,
        changed_on,
        max(case said_by when 'file' then coalesce(status, '') end) as file_status,
        max(case said_by when 'file' then coalesce(manager_id, '') end) as file_manager_id,
        max(case said_by when 'account' then coalesce(status, '') end) as account_status,
        max(case said_by when 'account' then coalesce(manager_id, '') end) as account_manager_id
    from last_of_day
    group by partner_id, changed_on

),

-- Every day on which something of a partner may become another. The first stands for all days before it is known.
days as (

    select
        partner_id,
        cast('0001-01-01' as date) as changed_on
    from partners
    union
    select
        partner_id,
        changed_on
    from said_on
    union
    select
        partner_id,
        signed_on as changed_on
    from partners
    union
    select
        partner_id,
        terminated_on as changed_on
    from partners
    union
    select
        partner_id,
        starts_on as changed_on
    from enrolments
    union
    select
        partner_id,
        ends_on as changed_on
    from enrolments
    union
    select
        partner_id,
        month as changed_on
    from tiers
    union
    select
        partner_id,
        {{ months_after('month', 1) }} as changed_on
    from tiers

),

known_days as (

    select
        days.partner_id,
        days.changed_on,
        partners.signed_on,
        partners.terminated_on
    from days
    inner join partners on days.partner_id = partners.partner_id
    inner join parameters on days.changed_on <= parameters.as_of_on

),

-- What each system said last, and before it said anything, what it said first.
said as (

    select
        known_days.partner_id,
        known_days.changed_on,
        known_days.signed_on,
        known_days.terminated_on,
        coalesce(
            {{ known('last_value', 'said_on.file_status') }} over so_far,
            {{ known('first_value', 'said_on.file_status') }} over from_here
        ) as file_status,
        coalesce(
            {{ known('last_value', 'said_on.account_status') }} over so_far,
            {{ known('first_value', 'said_on.account_status') }} over from_here
        ) as account_status,
        coalesce(
            {{ known('last_value', 'said_on.file_manager_id') }} over so_far,
            {{ known('first_value', 'said_on.file_manager_id') }} over from_here
        ) as file_manager_id,
        coalesce(
            {{ known('last_value', 'said_on.account_manager_id') }} over so_far,
            {{ known('first_value', 'said_on.account_manager_id') }} over from_here
        ) as account_manager_id
    from known_days
    left join said_on
        on
            known_days.partner_id = said_on.partner_id
            and known_days.changed_on = said_on.changed_on
    window
        so_far as (
            partition by known_days.partner_id
            order by known_days.changed_on
            rows between unbounded preceding and current row
        ),
        from_here as (
            partition by known_days.partner_id
            order by known_days.changed_on
            rows between current row and unbounded following
        )

),

programmes as (

    select
        known_days.partner_id,
        known_days.changed_on,
        {{ joined_texts(word('enrolments.programme'), ', ', distinct=true) }} as programmes
    from known_days
    inner join enrolments
        on
            known_days.partner_id = enrolments.partner_id
            and known_days.changed_on >= enrolments.starts_on
            and known_days.changed_on < coalesce(enrolments.ends_on, cast('9999-12-31' as date))
    group by known_days.partner_id, known_days.changed_on

),

-- The day of a termination decides, whenever it was written down: a status alone has the day of its change.
described as (

    select
        said.partner_id,
        said.changed_on,
        coalesce(nullif(said.file_status, ''), nullif(said.account_status, ''), 'active') as said_status,
        said.signed_on,
        said.terminated_on,
        coalesce(nullif(said.file_manager_id, ''), nullif(said.account_manager_id, '')) as manager_id,
        programmes.programmes,
        case when programmes.programmes is not null then tiers.tier end as tier
    from said
    left join programmes
        on
            said.partner_id = programmes.partner_id
            and said.changed_on = programmes.changed_on
    left join tiers
        on
            said.partner_id = tiers.partner_id
            and cast(date_trunc('month', said.changed_on) as date) = tiers.month

),

decided as (

    select
        partner_id,
        changed_on,
        case
            when changed_on >= terminated_on then 'terminated'
            when changed_on < signed_on then 'prospect'
            when said_status = 'terminated' and terminated_on is not null then 'active'
            else said_status
        end as status,
        manager_id,
        programmes,
        tier
    from described

),

compared as (

    select
        *,
        row_number() over history = 1
        or not {{ same('status', 'lag(status) over history') }}
        or not {{ same('manager_id', 'lag(manager_id) over history') }}
        or not {{ same('programmes', 'lag(programmes) over history') }}
        or not {{ same('tier', 'lag(tier) over history') }} as is_change
    from decided
    window history as (partition by partner_id order by changed_on)

),

final as (

    select
        partner_id,
        cast(row_number() over history as integer) as version,
        changed_on as valid_from,
        coalesce(lead(changed_on) over history, cast('9999-12-31' as date)) as valid_to,
        lead(changed_on) over history is null as is_current,
        status,
        manager_id,
        programmes,
        tier
    from compared
    where is_change
    window history as (partition by partner_id order by changed_on)

)

select * from final
