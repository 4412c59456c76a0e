"""Gateway log rows, and how they complete the record of a stream."""
