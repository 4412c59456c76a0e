"""OpenTelemetry's protocol over HTTP: exports are read, and answered as the specification says."""
