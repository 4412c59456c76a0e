"""Invoices, credit notes, voids and reissues: numbered documents about statements."""
