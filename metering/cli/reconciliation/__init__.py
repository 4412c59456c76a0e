"""Commands that compare ledgers with Azure's bill and the gateway's log."""
