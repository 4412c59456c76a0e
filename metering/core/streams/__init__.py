"""Gateway log rows, and the completion of streams from them."""
