"""Usage by day and dimension, rollups and unit economics."""
