"""Documents that report on ledgers."""
