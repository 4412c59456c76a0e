"""Commands that deliver exports."""
