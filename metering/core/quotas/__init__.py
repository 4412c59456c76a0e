"""Quotas: from counters to admission verdicts, and suspension of subscriptions."""
