"""`python -m metering` is the command line."""

from metering.cli.main import main

if __name__ == "__main__":
    main()
