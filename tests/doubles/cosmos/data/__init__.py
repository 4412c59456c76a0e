"""The data of the double: accounts, containers, partitions and items, queries and their charges."""
