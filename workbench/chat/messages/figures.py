"""Numbers as people write them.

What lives here: figures and metrics. What does not: what a field's value means (``values``).
"""

from __future__ import annotations

import math
from typing import Final

_SMALL: Final = 1e-4
_LARGE: Final = 1e12


def figure(value: float) -> str:
    """Return a number without exponent and without trailing zeros; below 0.0001 as ``2.5e-5``."""
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else f"{'-' if value < 0 else ''}1e{int(math.log10(abs(value)))}"
    if not math.isfinite(value):
        return str(value)
    if value == 0 or _SMALL <= abs(value) < _LARGE:
        plain = f"{value:.10f}".rstrip("0").rstrip(".") if abs(value) < 1 else f"{value:.12g}"
        return "0" if plain in ("-0", "") else plain
    mantissa, _, exponent = f"{value:.6e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def metric(value: float) -> str:
    """Return a measured number with at most four decimals."""
    return figure(round(float(value), 4))
