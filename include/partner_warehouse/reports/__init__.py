"""The periodic reports: one printable page each, made from the published file."""
