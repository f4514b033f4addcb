"""Making the engine's processes start faster.

What lives here: one import that they can do without. What does not: anything else.
"""

from __future__ import annotations

import sys


def skip_iri_grammar() -> None:
    """Keep jsonschema from compiling the grammar of internationalised web addresses, in this process.

    Prefect imports jsonschema, which compiles that grammar if it is installed (JupyterLab brings it): 1 s of the
    2.5 s that ``import prefect`` takes. jsonschema treats it as optional; without it the formats ``iri`` and
    ``iri-reference`` are not checked, and nothing here uses them.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None makes its import fail
