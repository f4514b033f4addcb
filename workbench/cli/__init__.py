"""The ``workbench`` command: thin, one module a noun. Work is done elsewhere; here it is asked for and shown."""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process and exit with its status."""
    import sys

    from workbench.cli.app import run

    sys.exit(run(sys.argv[1:]))
