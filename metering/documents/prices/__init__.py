"""Documents on prices."""
