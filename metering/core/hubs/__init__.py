"""Partition progress, partition keys, captured files and the stop rule of a hub."""
