"""Technology behind the ports: each adapter translates its own errors at its own edge."""
