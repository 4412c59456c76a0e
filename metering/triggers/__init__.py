"""One Functions blueprint a source: each translates a binding into one use case."""
