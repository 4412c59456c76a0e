"""Documents on quotas, admission and alerts."""
