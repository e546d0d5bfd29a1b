with

windows as (

    select * from {{ ref('int_deal_partner_windows') }}

),

evidence as (

    select * from {{ ref('int_deal_partner_evidence') }}

),

deals as (

    select * from {{ ref('int_deals') }}

),

deal_partners as (

    select * from {{ ref('int_deal_partners') }}

),

self_referrals as (

    select * from {{ ref('int_self_referrals') }}

),

-- A partner's strongest claim to have brought the deal.
numbered_claims as (

    select
        *,
        row_number() over (
            partition by deal_id, partner_id
            order by claim_rank asc, share desc nulls last, happened_at asc nulls last, evidence_id asc
        ) as place
    from evidence
    where claim_rank is not null

),

claims as (

    select
        deal_id,
        partner_id,
        basis,
        evidence_id,
        claim_rank,
        happened_at,
        coalesce(share, 0) as share,
        min(claim_rank) over (partition by deal_id) as best_rank,
        count(*) over (partition by deal_id) as claimants,
        row_number() over (
            partition by deal_id
            order by claim_rank, happened_at nulls last, evidence_id, partner_id
        ) as precedence
    from numbered_claims
    where place = 1

),

-- Shares that the records state make equal claims a joint one, unless they are more than the whole.
weighed_claims as (

    select
        *,
        sum(case when claim_rank = best_rank then share else 0 end) over (partition by deal_id) as stated_share
    from claims

),

judged as (

    select
        *,
        claim_rank = best_rank
        and case
            when stated_share > 0 and stated_share <= 1.0005 then share > 0
            else precedence = 1
        end as is_winner
    from weighed_claims

),

ordered as (

    select
        *,
        count(case when is_winner then 1 end) over (partition by deal_id) as winners,
        min(case when is_winner then precedence end) over (partition by deal_id) as first_winner,
        min(case when not is_winner then precedence end) over (partition by deal_id) as first_loser
    from judged

),

-- What a claim is held against: a loser's, the first winner's; a winner's, the strongest loser's.
decided as (

    select
        claim.deal_id,
        claim.partner_id,
        -- Without its protection a registration is no more than the role that it states.
        case when claim.claim_rank > 3 then 'crm_role' else claim.basis end as basis,
        claim.evidence_id,
        claim.happened_at,
        claim.is_winner,
        claim.claimants > claim.winners as is_conflict,
        case
            when claim.claimants = 1 then 'only_claim'
            when claim.claimants = claim.winners then 'agreed_shares'
            when claim.claim_rank <> other.claim_rank then 'stronger_basis'
            when claim.stated_share > 0 and claim.stated_share <= 1.0005 then 'stated_share'
            when {{ same('claim.happened_at', 'other.happened_at') }} then 'record_id'
            else 'earlier'
        end as decided_by
    from ordered as claim
    left join ordered as other
        on
            claim.deal_id = other.deal_id
            and case when claim.is_winner then claim.first_loser else claim.first_winner end = other.precedence

),

first_winners as (

    select
        deal_id,
        partner_id
    from ordered
    where precedence = first_winner

),

-- Who did not bring the deal influenced it, or else assisted; the evidence that says so, the strongest basis first.
other_parts as (

    select
        deal_id,
        partner_id,
        part as role,
        basis,
        evidence_id,
        happened_at,
        row_number() over (
            partition by deal_id, partner_id
            order by
                case part when 'influenced' then 1 else 2 end,
                case basis when 'registration' then 1 when 'referral' then 2 when 'crm_role' then 3 else 4 end,
                happened_at nulls last,
                evidence_id
        ) as place
    from evidence

),

registrations as (

    select
        *,
        row_number() over (
            partition by deal_id, partner_id
            order by
                case registration_state when 'in_force' then 1 when 'lapsed' then 2 else 3 end,
                registered_at,
                evidence_id
        ) as place
    from evidence
    where basis = 'registration'

),

referrals as (

    select
        deal_id,
        partner_id,
        min(happened_at) as referred_at
    from evidence
    where basis = 'referral'
    group by deal_id, partner_id

),

touches as (

    select * from evidence
    where basis = 'touch'

),

shares as (

    select
        deal_id,
        partner_id,
        cast(sum(share) as {{ fraction() }}) as share
    from deal_partners
    group by deal_id, partner_id

),

final as (

    select
        other_parts.deal_id,
        other_parts.partner_id,
        case when decided.is_winner then 'sourced' else other_parts.role end as role,
        case when decided.is_winner then decided.basis else other_parts.basis end as basis,
        windows.customer_id,
        windows.programme,
        case when decided.is_winner then decided.evidence_id else other_parts.evidence_id end as evidence_id,
        decided.partner_id is not null as is_claimant,
        coalesce(decided.is_conflict, false) as is_conflict,
        first_winners.partner_id as sourced_by,
        decided.decided_by,
        self_referrals.reason is not null as is_self_referral,
        self_referrals.reason as self_referral_reason,
        registrations.registration_state,
        windows.registration_days,
        cast(coalesce(shares.share, 0) as {{ fraction() }}) as share,
        deals.amount,
        deals.currency,
        deals.is_won,
        cast(coalesce(touches.touches, 0) as bigint) as touches,
        cast(coalesce(touches.touches_in_play, 0) as bigint) as touches_in_play,
        windows.in_play_at,
        windows.decided_at,
        case when decided.is_winner then decided.happened_at else other_parts.happened_at end as happened_at,
        registrations.registered_at,
        registrations.approved_at,
        registrations.protected_until,
        referrals.referred_at,
        touches.first_touch_at,
        touches.last_touch_at
    from other_parts
    inner join windows
        on
            other_parts.deal_id = windows.deal_id
            and other_parts.partner_id = windows.partner_id
    inner join deals on other_parts.deal_id = deals.deal_id
    left join decided
        on
            other_parts.deal_id = decided.deal_id
            and other_parts.partner_id = decided.partner_id
    left join first_winners on other_parts.deal_id = first_winners.deal_id
    left join registrations
        on
            other_parts.deal_id = registrations.deal_id
            and other_parts.partner_id = registrations.partner_id
            and other_parts.place = registrations.place
    left join referrals
        on
            other_parts.deal_id = referrals.deal_id
            and other_parts.partner_id = referrals.partner_id
    left join touches
        on
            other_parts.deal_id = touches.deal_id
            and other_parts.partner_id = touches.partner_id
    left join shares
        on
            other_parts.deal_id = shares.deal_id
            and other_parts.partner_id = shares.partner_id
    left join self_referrals
        on
            other_parts.partner_id = self_referrals.partner_id
            and windows.customer_id = self_referrals.customer_id
    where other_parts.place = 1

)

select * from final
