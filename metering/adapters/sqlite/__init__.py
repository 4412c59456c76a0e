"""The embedded store: one SQLite file with the semantics that the ports ask for."""
