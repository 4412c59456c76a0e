"""The demo, its sample trace and its independent check."""
