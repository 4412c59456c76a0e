"""Write anchors, and prove ledgers, statements and records against them."""
