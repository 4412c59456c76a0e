"""Weekly digests: the spend of a week, its change, and what needs attention."""
