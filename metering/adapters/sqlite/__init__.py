"""The embedded store: one SQLite file with the semantics of the ports."""
