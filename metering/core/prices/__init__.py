"""The dated price book, and the price of one request."""
