"""Instants, money, errors, validation and documents, on which every other room builds."""
