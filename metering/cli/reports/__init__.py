"""Commands that report on ledgers and prove them."""
