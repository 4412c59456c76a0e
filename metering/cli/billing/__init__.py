"""Commands on balances, periods and statements."""
