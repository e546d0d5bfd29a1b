"""The gates: Great Expectations suites, kept as data in `expectations/`, that stand between the stages."""
