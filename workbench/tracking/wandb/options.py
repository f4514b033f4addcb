"""What W&B's library is told of its surroundings: online or offline, its folders, and what it is to leave alone.

What lives here: plain data. What does not: the library (``wandb``).
"""

from __future__ import annotations

import netrc
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from workbench import settings
from workbench.errors import TrackerError
from workbench.tracking.base import Started

OPEN_S, FINISH_S = 20.0, 45.0
FLUSH_S = 0.02  # how long the library keeps rows before it writes them; 15 s if nobody says so


def mode() -> str:
    """Return ``online`` or ``offline``, as the environment has it.

    Raises:
        TrackerError: when it is to be online without a key, or something else.
    """
    given = settings.variables("WANDB_")
    found = given.get("WANDB_MODE", "online")
    if found not in ("online", "offline"):
        raise _misconfigured(f"WANDB_MODE is '{found}'.", "online or offline.")
    address = given.get("WANDB_BASE_URL", "https://")
    if not address.startswith(("http://", "https://")):
        raise _misconfigured(f"WANDB_BASE_URL is '{address}'.", "The address of a W&B server, https://...")
    if found == "online" and not ({"WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"} & set(given) or _logged_in()):
        raise _misconfigured("WANDB_API_KEY is not set.", "A key of a W&B account, or WANDB_MODE=offline.")
    return found


def _logged_in() -> bool:
    """Return whether `wandb login` has left a key in the user's netrc file."""
    with suppress(OSError, netrc.NetrcParseError):
        return bool(netrc.netrc(settings.variables("NETRC").get("NETRC")).hosts)
    return False


def _misconfigured(happened: str, expected: str) -> TrackerError:
    return TrackerError(happened, expected, "Set it, or take wandb out of OBSERVABILITY_BACKENDS.", retry=False)


def environment(folder: Path) -> dict[str, str]:
    """Return the variables that keep the library's own files in ``folder``, and its reports about itself off."""
    return {
        "WANDB_DATA_DIR": str(folder / "data"),
        "WANDB_CACHE_DIR": str(folder / "cache"),
        "WANDB_ARTIFACT_DIR": str(folder / "artifacts"),
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_SILENT": "true",
    }


def switches() -> dict[str, Any]:
    """Return the library's settings: it watches nothing by itself, and waits for a bounded time."""
    off = ("x_disable_stats", "x_disable_meta", "x_disable_machine_info", "disable_code", "disable_git")
    return {
        **dict.fromkeys((*off, "disable_job_creation", "silent", "finish_timeout_raises"), True),
        **dict.fromkeys(("save_code", "symlink", "x_save_requirements"), False),
        "console": "off",
        "program": "workbench",
        "x_transaction_log_flush_interval": FLUSH_S,
        "init_timeout": OPEN_S,
        "login_timeout": OPEN_S,
        "finish_timeout": FINISH_S,
    }


def config(started: Started) -> dict[str, Any]:
    """Return the run's settings, and below ``workbench`` what else is known of it."""
    about = {
        "run": started.run,
        "kind": started.kind,
        "session": started.session,
        "attempt": started.attempt,
        "dataset": started.dataset,
        "model": started.model,
        "code": started.code,
        "environment": started.environment,
    }
    whole: dict[str, Any] = orjson.loads(orjson.dumps({**started.config, "workbench": about}, default=str))
    return whole
