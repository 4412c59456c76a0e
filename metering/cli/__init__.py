"""The command `metering`: each module is one group of commands and only translates."""
