"""The company's costs, and the amounts its tenants are charged."""
