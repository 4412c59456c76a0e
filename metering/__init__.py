"""Exact, exactly-once metering and billing of LLM usage on Azure."""
