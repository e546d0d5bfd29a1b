"""Landing: received records become immutable, typed Parquet, or quarantine."""
