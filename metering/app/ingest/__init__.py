"""A batch of events is counted, or dead-lettered."""
