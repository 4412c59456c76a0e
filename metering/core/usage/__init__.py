"""Usage events, and the disjoint token counts they become."""
