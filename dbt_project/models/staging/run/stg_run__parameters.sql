select
    as_of,
    known_at,
    postings_known_at,
    timezone,
    reporting_currency,
    fx_lookback_days
from {{ source('run', 'run_parameters') }}
