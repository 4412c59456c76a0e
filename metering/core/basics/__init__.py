"""Instants, money, errors, validation and documents: the ground every other room stands on."""
