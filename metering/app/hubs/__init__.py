"""Hub batches, publishing, replay and lag."""
