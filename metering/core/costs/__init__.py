"""What the company pays and what its tenants are charged."""
