"""Files for banks, ERPs and spreadsheets, written from what the ledger posted."""
