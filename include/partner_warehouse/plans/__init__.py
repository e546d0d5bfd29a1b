"""The commission plans: their files, and what is wrong with them."""
