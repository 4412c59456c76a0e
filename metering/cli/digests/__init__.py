"""The command on weekly digests."""
