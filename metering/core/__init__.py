"""The domain: pure functions over immutable values. No I/O, no clock, no technology."""
