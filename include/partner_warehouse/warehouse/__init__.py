"""Runs dbt over the landing."""
