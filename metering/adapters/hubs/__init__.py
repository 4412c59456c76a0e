"""Event Hubs: publishing, progress and Capture."""
