"""Creates the database and the containers that are missing: `metering init`."""

from contextlib import suppress

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient, DatabaseProxy

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import CONTAINERS, Container
from metering.adapters.cosmos.refusals import translated
from metering.core.basics.errors import ConfigurationError


async def prepare(account: CosmosAccount) -> list[str]:
    """Create what is missing; return a line about the database and about each container.

    Raises ConfigurationError for a container with another partition key. In Azure the deployment
    creates them, because an identity with access to data only cannot.
    """
    place = f"{account.endpoint} {account.database}"
    try:
        client = await account.client()
        done = [await _database_made(client, account.database)]
        database = client.get_database_client(account.database)
        done.extend([await _made(database, container) for container in CONTAINERS])
    except (AzureError, OSError, TimeoutError) as error:
        raise translated(error, place) from error
    return done


async def _database_made(client: CosmosClient, name: str) -> str:
    """Create the database unless it exists; read first, since a data role may not create."""
    with suppress(ResourceNotFoundError):
        await client.get_database_client(name).read()
        return f"database {name}: already exists"
    try:
        await client.create_database(name)
    except ResourceExistsError:
        return f"database {name}: already exists"
    return f"database {name}: created"


async def _made(database: DatabaseProxy, container: Container) -> str:
    try:
        found = await database.get_container_client(container.name).read()
    except ResourceNotFoundError:
        await database.create_container(
            container.name,
            PartitionKey(path=container.partition_key),
            indexing_policy=container.index_policy,
            default_ttl=container.default_ttl,
        )
        return f"container {container.name}: created, partition key {container.partition_key}"
    paths = found["partitionKey"]["paths"]
    if paths != [container.partition_key]:
        raise ConfigurationError(
            f"container {container.name}: its partition key is {', '.join(paths)}, not"
            f" {container.partition_key}: a partition key cannot be changed; use another database"
        )
    return f"container {container.name}: already exists"
