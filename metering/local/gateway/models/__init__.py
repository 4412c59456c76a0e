"""The models behind the simulated gateway: what they answer, and how many tokens it takes."""
