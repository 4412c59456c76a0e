"""The directory kept up to date; callers; audited changes."""
