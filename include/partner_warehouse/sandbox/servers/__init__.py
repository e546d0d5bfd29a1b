"""Loopback servers that speak the sources' real APIs over the sample company."""
