"""Commands on costs and discounts."""
