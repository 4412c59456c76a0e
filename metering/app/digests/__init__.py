"""Use cases of weekly digests."""
