"""The process of the local Prefect server: ``python -m pipelines.serve FD``.

What lives here: the server's main function. What does not: when it starts and stops (``engine``).

This is ``prefect server start`` without the command line's second process, and with a socket that its starter has
bound: nobody can take the port in between, and who connects early waits instead of failing.
"""

from __future__ import annotations

import socket
import sys

from pipelines import garbage, slim


def main() -> None:
    """Serve Prefect's REST API on the inherited listening socket until SIGTERM."""
    slim.skip_iri_grammar()
    import uvicorn
    from prefect.server.api.server import create_app

    listener = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(create_app(final=True), log_level="warning", access_log=False, timeout_graceful_shutdown=3)
    garbage.collect_apart()
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
