"""Dashboards as code: brings the bundle in `bi/superset` into a running Apache Superset."""
