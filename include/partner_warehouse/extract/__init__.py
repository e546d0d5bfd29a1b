"""Extraction: one client for each source, and the file drop."""
