"""The whole system on one machine: Functions host, embedded hub, simulated gateway."""
