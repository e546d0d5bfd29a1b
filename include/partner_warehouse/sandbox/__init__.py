"""A company to try everything on: its truth, the systems that hold parts of it, and servers that speak for them."""
