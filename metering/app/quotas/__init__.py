"""Admission, enforcement, suspension and alerts."""
