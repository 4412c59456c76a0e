"""Streams: join, complete, expire and recover."""
