"""Functions blueprints, one a source: each translates a binding into one use case."""
