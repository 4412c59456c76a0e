"""Use cases: order and policy. No arithmetic, no technology."""
