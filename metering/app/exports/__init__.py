"""Chargeback, FOCUS and statement exports, delivered with a manifest."""
