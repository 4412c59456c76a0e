"""What the API says and takes, as JSON: money as decimal strings, times in RFC 3339."""
