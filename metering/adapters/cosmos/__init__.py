"""Azure Cosmos DB for NoSQL behind the store ports: session consistency, one client per process."""
