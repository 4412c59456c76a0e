"""How long fuzzers look: a moment in every run, thousands of cases in `make soak`."""

import os
from typing import Final

#: Cases of each fuzzer; METERING_TEST_EXAMPLES sets another number.
EXAMPLES: Final = int(os.environ.get("METERING_TEST_EXAMPLES", "50"))
