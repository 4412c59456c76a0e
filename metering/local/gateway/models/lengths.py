"""The lengths of answers: a log-normal distribution, drawn by a seed.

Median and spread are those of the outputs of the bundled sample of Azure's public trace (2023):
2,152 rows, geometric mean 147 tokens, standard deviation of the logarithm 0.87.
"""

import math
from typing import Final

from metering.local.gateway.models.draws import Draws

_MEDIAN: Final = 147
_SPREAD: Final = 0.87
_SHORTEST: Final = 16
#: The longest output of the sample.
_LONGEST: Final = 1_000


def length_of(draws: Draws) -> int:
    """Return the length of an answer in tokens, if nothing limits it."""
    drawn = round(draws.lognormvariate(math.log(_MEDIAN), _SPREAD))
    return min(max(drawn, _SHORTEST), _LONGEST)
