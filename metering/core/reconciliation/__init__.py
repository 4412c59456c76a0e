"""Azure's bill and the gateway's log, compared with the ledgers."""
