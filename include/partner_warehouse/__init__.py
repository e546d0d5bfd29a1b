"""The partner warehouse: landing, quality gates, ledger, publication and the commands around them."""
