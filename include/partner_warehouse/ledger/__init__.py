"""The payout ledger: what was drafted, approved, posted and paid. Append-only, in SQLite or PostgreSQL.

`payouts` is the service that people and DAGs use; `landing` brings what was posted back into the warehouse; `explain`
answers where an amount came from.
"""
