"""Documents on periods, balances and statements."""
