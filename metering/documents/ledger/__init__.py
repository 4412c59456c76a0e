"""Documents on what ledgers hold."""
