"""Documents: the JSON that the HTTP API returns and `--json` prints.

Amounts are decimal strings, counts are numbers, times are RFC 3339 in UTC.
"""
