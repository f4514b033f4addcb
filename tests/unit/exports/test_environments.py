"""A private environment: what goes in, how it is made, and what is left when making it fails."""

from __future__ import annotations

import os
import signal
import site
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest

from workbench.errors import ExportError, StorageError
from workbench.exports.environments import Environment, environment_of, make, remove
from workbench.exports.environments import environment as described
from workbench.exports.environments.environment import READY_NAME
from workbench.exports.environments.pip import Listener, failure, install
from workbench.exports.formats import MADE, table
from workbench.exports.place import Apart
from workbench.runs.lease import locked

pytestmark = pytest.mark.slow  # processes and environments of their own

HERE = version("cronsim")  # a small package that the workbench has


def write_wheel(folder: Path, name: str, release: str, *requires: str) -> None:
    """Write a wheel of one module by hand."""
    about = f"{name}-{release}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}", *(f"Requires-Dist: {r}" for r in requires)]
    files = {
        f"{name}.py": f"where = __file__\nrelease = {release!r}\n",
        f"{about}/METADATA": "\n".join(metadata) + "\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{about}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{release}-py3-none-any.whl", "w") as archive:
        for path, text in {**files, f"{about}/RECORD": record}.items():
            archive.writestr(path, text)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that pip gets anything from."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    write_wheel(folder, "tinything", "1.2", "cronsim>=99", "torch>=2", "opencv-python>=4")
    write_wheel(folder, "cronsim", "99.0")
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Environment:
    constraints = (f"torch=={version('torch')}",)
    return Environment("tiny", ("none",), ("tinything",), (), constraints, 1, tmp_path / "environments" / "tiny-1")


def seen_from(environment: Environment, module: str) -> str:
    code = f"import {module} as found; print(found.__file__)"
    done = subprocess.run([environment.python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" and time.monotonic() < deadline:
        time.sleep(0.05)
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


def test_what_ultralytics_asks_for_goes_in_and_torch_never_does(tmp_path: Path) -> None:
    found = {name: environment_of(table()[name], tmp_path) for name in MADE}
    assert (found.pop("onnx"), found.pop("torchscript")) == (None, None)
    for name, environment in found.items():
        assert environment is not None
        assert name in environment.formats
        assert environment.about_mb >= 100
        assert environment.constraints[0] == f"torch=={version('torch')}"
        assert not any(each.startswith("torch=") for each in (*environment.requirements, *environment.beside))
    ncnn, tensorflow = found["ncnn"], found["saved_model"]
    assert ncnn
    assert ncnn.requirements == ("ncnn", "pnnx==20260526")
    assert ncnn.folder.parent == tmp_path
    assert tensorflow
    assert (tensorflow.name, tensorflow.formats) == ("tensorflow", ("saved_model",))


def test_what_is_here_already_is_not_fetched_and_has_to_fit(tmp_path: Path) -> None:
    coreml = environment_of(table()["coreml"], tmp_path)
    assert coreml
    assert not [each for each in coreml.requirements if each.startswith(("scikit-learn", "onnx"))]
    assert {"scikit-learn>=1.3.2", "onnx>=1.12.0"} <= set(coreml.beside)


def test_a_format_whose_packages_are_all_here_needs_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(described, "missing", lambda wanted: ())
    assert environment_of(table()["openvino"], tmp_path) is None


def test_another_python_or_torch_never_meets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def folder() -> Path:
        found = environment_of(table()["ncnn"], tmp_path)
        assert found
        return found.folder

    before = folder()
    assert folder() == before
    with monkeypatch.context() as patch:
        patch.setattr(sys, "prefix", "/somewhere/else")
        elsewhere = folder()
    with monkeypatch.context() as patch:
        patch.setattr(described, "installed", lambda name: "2.99")
        newer = folder()
    assert len({before, elsewhere, newer}) == 3


def test_it_has_its_own_packages_and_sees_these_behind_them(tiny: Environment, wheels: Path) -> None:
    told: list[str] = []
    steps: list[float] = []
    assert not tiny.ready
    make(tiny, told.append, steps.append)
    assert tiny.ready
    assert steps == sorted(steps)
    assert (steps[0] > 0, steps[-1]) == (True, 1.0)
    own = str(tiny.folder)
    assert seen_from(tiny, "tinything").startswith(own)
    assert seen_from(tiny, "cronsim").startswith(own)  # and not the one that is here
    assert version("cronsim") == HERE
    assert seen_from(tiny, "workbench.exports.place") == sys.modules[Apart.__module__].__file__
    assert not seen_from(tiny, "numpy").startswith(own)
    line = next(line for line in told if line.startswith("Installing collected packages"))
    assert sorted(line.partition(": ")[2].split(", ")) == ["cronsim", "tinything"]  # neither torch nor a second cv2
    assert sorted(path.name for path in tiny.folder.parent.iterdir()) == [".tiny-1.lock", "tiny-1"]
    assert not (tiny.folder / "downloads").exists()
    told.clear()
    make(tiny, told.append)
    assert told == []
    remove(tiny)
    assert not tiny.ready
    assert not tiny.folder.exists()
    remove(tiny)


def test_one_that_was_not_made_to_its_end_is_begun_anew(tiny: Environment, wheels: Path) -> None:
    half = tiny.folder / "lib" / "half-copied"
    half.mkdir(parents=True)
    told: list[str] = []
    make(replace(tiny, requirements=("cronsim>=99",)), told.append)
    assert "not made to its end" in told[0]
    assert tiny.ready
    assert not half.exists()


def test_what_is_installed_here_as_a_link_is_seen_too(
    tiny: Environment, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages, checkout = tmp_path / "site-packages", tmp_path / "checkout"
    packages.mkdir()
    checkout.mkdir()
    (checkout / "linked.py").touch()
    (packages / "linked.pth").write_text(f"{checkout}\n")
    folders = [*site.getsitepackages(), str(packages)]
    monkeypatch.setattr(site, "getsitepackages", lambda: folders)
    make(replace(tiny, requirements=("cronsim>=99",)))
    assert seen_from(tiny, "linked") == str(checkout / "linked.py")
    tiny.python.unlink()  # as when the Python that it was made of is removed
    assert not tiny.ready


def test_what_cannot_be_had_is_named_with_a_way_out(tiny: Environment, wheels: Path) -> None:
    (wheels / "cronsim-99.0-py3-none-any.whl").unlink()
    with pytest.raises(
        ExportError, match=r"'tiny' was not made for want of cronsim>=99.*\n(.|\n)*pip download"
    ) as caught:
        make(tiny)
    assert caught.value.fields["missing"] == ["cronsim>=99"]
    assert "tinything" in caught.value.todo
    assert not tiny.folder.exists()


def test_a_second_copy_of_torch_is_refused(tiny: Environment, wheels: Path) -> None:
    write_wheel(wheels, "tinything", "1.3", "torch>=99")
    write_wheel(wheels, "torch", "99.0")
    with pytest.raises(ExportError, match="torch"):
        make(replace(tiny, requirements=("tinything>=1.3",)))


def test_without_room_nothing_is_begun(tiny: Environment, wheels: Path) -> None:
    with pytest.raises(StorageError, match=r"needs about 1600000000 MB.*MB are free.*Free some space") as caught:
        make(replace(tiny, about_mb=10**9))
    assert caught.value.fields["needed_mb"] > caught.value.fields["free_mb"] > 0
    assert not tiny.folder.exists()


def test_a_folder_that_cannot_be_written_is_told(tiny: Environment, tmp_path: Path) -> None:
    (tmp_path / "environments").write_text("a file")
    with pytest.raises(StorageError, match="environments"):
        make(tiny)


def test_who_comes_second_waits_and_makes_nothing(tiny: Environment) -> None:
    tiny.folder.parent.mkdir()
    told: list[str] = []
    waiting = threading.Event()
    second = threading.Thread(target=make, args=(tiny, lambda line: (told.append(line), waiting.set())))
    with locked(tiny.folder.parent / f".{tiny.folder.name}.lock"):
        second.start()
        assert waiting.wait(20)
        (tiny.folder / "bin").mkdir(parents=True)
        tiny.python.touch()
        (tiny.folder / READY_NAME).touch()
    second.join(20)
    assert not second.is_alive()
    assert told == ["Another process makes the environment 'tiny': waiting for it."]


HANGING = """
import os, time
def get_requires_for_build_wheel(config_settings=None):
    open({noted!r}, "w").write(str(os.getpid()))
    time.sleep(600)
"""


def test_an_interrupted_one_leaves_nothing_that_runs_and_nothing_that_counts(
    tiny: Environment, wheels: Path, tmp_path: Path
) -> None:
    noted, project = tmp_path / "pid", tmp_path / "project"
    project.mkdir()
    (project / "hang.py").write_text(HANGING.format(noted=str(noted)))
    build = '[build-system]\nrequires = []\nbuild-backend = "hang"\nbackend-path = ["."]\n'
    (project / "pyproject.toml").write_text(f'{build}[project]\nname = "hanging"\nversion = "1"\n')
    code = (
        # What was started in the background ignores interrupts, and so does all that it starts
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path; from workbench.exports.environments import *\n"
        f"make(Environment('tiny', (), ({str(project)!r},), (), (), 1, Path({str(tiny.folder)!r})))"
    )
    maker = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not (noted.is_file() and noted.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    maker.send_signal(signal.SIGINT)
    maker.wait(30)
    assert gone(int(noted.read_text()))
    assert not tiny.folder.exists()


def test_how_far_it_is_follows_what_pip_says() -> None:
    told: list[str] = []
    steps: list[float] = []
    listener = Listener(told.append, steps.append)
    for line in ("Collecting a", "  Downloading a.whl (1 MB)", "Requirement already satisfied: torch", "Collecting b"):
        listener(line)
    assert len(steps) == 3
    assert steps == sorted(set(steps))
    assert steps[-1] < 0.6
    listener("workbench counts packages: 4")
    listener("Installing collected packages: a, b")
    listener("workbench counts packages: 5")
    listener("workbench counts packages: 9")
    assert steps[3:] == pytest.approx([0.6, 0.8, 1.0])
    assert not [line for line in told if "counts" in line]


def test_packages_are_counted_while_pip_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Unpacking:
        left = 2

        def __init__(self, command: list[str]) -> None:
            assert command[-1] == "tinything"

        def wait(self, seconds: float) -> int:
            self.left -= 1
            if self.left < 0:
                return 7
            (tmp_path / f"{self.left}.dist-info").mkdir()
            raise subprocess.TimeoutExpired("pip", seconds)

    monkeypatch.setattr(subprocess, "Popen", Unpacking)
    assert install(["tinything"], "constraints.txt", str(tmp_path)) == 7
    steps: list[float] = []
    listener = Listener(str.strip, steps.append)
    listener("Installing collected packages: a, b")
    for line in capsys.readouterr().out.splitlines():
        listener(line)
    assert steps == pytest.approx([0.6, 0.8, 1.0])


def test_a_disk_that_fills_up_meanwhile_is_told_as_that(tiny: Environment) -> None:
    said = ["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", ""]
    found = failure(tiny, said)
    assert isinstance(found, StorageError)
    assert "No space left" in found.happened
