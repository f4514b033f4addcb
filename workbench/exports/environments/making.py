"""Making a private environment, and removing it.

What lives here: the order of steps, and what holds when one fails: an environment counts from the moment that
``installed.json`` lies in it, and one without it is begun anew. What does not: what goes in (``needs``), what pip says
(``pip``).
"""

from __future__ import annotations

import importlib.util
import shutil
import site
import subprocess
import sysconfig
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from workbench import storage
from workbench.errors import ExportError, StorageError, storage_error
from workbench.exports.environments.environment import READY_NAME, Environment
from workbench.exports.environments.needs import installed
from workbench.exports.environments.pip import Listener, failure, install
from workbench.exports.place import Apart
from workbench.runs.lease import is_held, locked

TIMEOUT_S: Final = 3600.0
_MB: Final = 1_000_000
_ROOM: Final = 1.6
"""Of an environment, while it is made: its packages lie there packed and unpacked."""
_ELSEWHERE: Final = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_IGNORE_INSTALLED", "PIP_FORCE_REINSTALL")
"""Settings by which pip installs somewhere else, or everything again; an empty one counts for nothing."""
_CV2: Final = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")


def make(
    environment: Environment,
    told: Callable[[str], object] = str.strip,  # nobody listens
    step: Callable[[float], object] = abs,  # nobody looks
) -> None:
    """Make an environment, unless it is there: all of it, or nothing that counts.

    Args:
        environment: whose packages come from where pip gets them: an index, or what ``PIP_*`` variables name.
        told: is handed each line that pip says; by another thread.
        step: is handed how far it is, 0-1; by another thread.

    Raises:
        ExportError: when a package cannot be had, or pip fails otherwise.
        StorageError: when there is no room, or the folder cannot be written.
    """
    if not environment.ready:
        with _alone(environment, told):
            _make(environment, told, step)
    step(1.0)


def _make(environment: Environment, told: Callable[[str], object], step: Callable[[float], object]) -> None:
    if environment.ready:  # whoever was first made it
        return
    if environment.folder.exists():
        told(f"'{environment.folder.name}' was not made to its end: it is begun anew.")
    try:
        storage.empty_folder(environment.folder)
        _check_room(environment)
        _begin(environment)
        _fill(environment, Listener(told, step))
        _finish(environment)
    except BaseException as error:
        shutil.rmtree(environment.folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise storage_error(error, environment.folder) from error
        raise


def remove(environment: Environment) -> None:
    """Remove an environment, if it is there.

    Raises:
        StorageError: when it cannot be removed.
    """
    if environment.folder.exists():
        with _alone(environment, str.strip):
            (environment.folder / READY_NAME).unlink(missing_ok=True)
            storage.remove(environment.folder)


@contextmanager
def _alone(environment: Environment, told: Callable[[str], object]) -> Iterator[None]:
    home = environment.folder.parent
    storage.make_folder(home)
    gate = home / f".{environment.folder.name}.lock"
    if is_held(gate):
        told(f"Another process makes the environment '{environment.name}': waiting for it.")
    with locked(gate):
        yield


def _check_room(environment: Environment) -> None:
    needed_mb = round(environment.about_mb * _ROOM)
    free_mb = shutil.disk_usage(environment.folder).free // _MB
    if free_mb < needed_mb:
        raise StorageError(
            f"The environment '{environment.name}' needs about {needed_mb} MB while it is made; {free_mb} MB are free.",
            f"Room for it at '{environment.folder.parent}'; {environment.about_mb} MB of it stay in use.",
            "Free some space, or open a workspace on another disk.",
            environment=environment.name,
            needed_mb=needed_mb,
            free_mb=free_mb,
        )


def _begin(environment: Environment) -> None:
    """Lay an empty environment that sees the packages of this one."""
    own_pip = importlib.util.find_spec("pip") is None  # else the one of this environment is seen there
    try:
        venv.EnvBuilder(symlinks=True, with_pip=own_pip).create(environment.folder)
    except subprocess.CalledProcessError as error:
        raise ExportError(
            f"The environment '{environment.name}' has no pip: {str(error.output)[-300:]}.",
            "pip, in the workbench's environment or from Python's ensurepip.",
            "Install it where the workbench is: `python -m ensurepip`.",
            environment=environment.name,
        ) from error
    packages = _packages(environment)
    lines = [f"import site; site.addsitedir({folder!r})" for folder in _seen()]
    (packages / "workbench_base.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _name_cv2(packages)


def _packages(environment: Environment) -> Path:
    root = str(environment.folder)
    return Path(sysconfig.get_path("purelib", "venv", vars={"base": root, "platbase": root}))


def _seen() -> list[str]:
    own = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [folder for folder in (*own, *site.getsitepackages()) if Path(folder).is_dir()]


def _name_cv2(packages: Path) -> None:
    """Have the cv2 that is there answer to all of its names: a second one, with libGL, would come in its place."""
    there = next((found for name in _CV2 if (found := installed(name))), None)
    for name in _CV2 if there else ():
        if not installed(name):
            about = packages / f"{name.replace('-', '_')}-{there}.dist-info"
            about.mkdir()
            text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {there}\n"
            (about / "METADATA").write_text(text, encoding="utf-8")


def _fill(environment: Environment, listener: Listener) -> None:
    downloads, constraints = environment.folder / "downloads", environment.folder / "constraints.txt"
    downloads.mkdir()
    constraints.write_text("\n".join(environment.constraints) + "\n", encoding="utf-8")
    place = Apart(environment.python, listener, TIMEOUT_S, {"TMPDIR": str(downloads), **dict.fromkeys(_ELSEWHERE, "")})
    wanted = (*environment.requirements, *environment.beside)
    code = place.call(install, wanted, str(constraints), str(_packages(environment)))
    if code:
        raise failure(environment, listener.lines)
    shutil.rmtree(downloads)


def _finish(environment: Environment) -> None:
    found = {each.name: each.version for each in distributions(path=[str(_packages(environment))])}
    size = storage.bytes_total(environment.folder)
    record = {"requirements": environment.requirements, "packages": found, "bytes": size}
    storage.put_json(environment.folder / READY_NAME, record)
