"""The commit protocol, and delivery of the effects it writes."""
