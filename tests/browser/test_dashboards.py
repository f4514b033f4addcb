"""The dashboards in real Voila and Chromium: for people who only look, on a wide screen, a phone and paper."""

from __future__ import annotations

import json
import math
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from websockets.sync.client import connect

from tests.browser.pages import NARROW, WIDE, check_access
from tests.tiny import data_yaml
from workbench import paths
from workbench.metrics.log import EventLog
from workbench.runs.model import Headline, ModelLock, RunResult, RunSpec, RunState
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.settings import Settings
from workbench.widgets.pages.server import Server
from workbench.workspace import Workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

GOING, BEST = "train-20260109-000000-000009", "train-20260107-000000-000007"
SHOWN = {
    "overview.ipynb": "0.6500",
    "run.ipynb": GOING,
    f"run.ipynb?run={BEST}": "metrics/mAP50-95(B)",
    "dataset.ipynb?dataset=drawn": "<b>빨간 자동차</b>",
    "deployment.ipynb": "Nothing is deployed yet.",
}
IDLE_S = 4


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with eight complete runs, one that goes on, and a dataset; names are markup and Korean."""
    root = tmp_path_factory.mktemp("dashboards") / "workspace"
    settings = Settings(workbench_engine_home=root.parent / "engine")
    opened = Workspace(root, settings=settings, launcher=MemoryLauncher())
    opened.projects.ensure("default")
    yaml = data_yaml(root.parent / "drawn")
    yaml.write_text(yaml.read_text().replace("red", "<b>빨간 자동차</b>"))
    opened.datasets.add(yaml, name="drawn")
    for day in range(1, 10):
        _train(opened, day, complete=day < 9)
    opened.database.engine.dispose()
    return root


def _train(workspace: Workspace, day: int, *, complete: bool) -> None:
    spec = RunSpec(
        id=f"train-2026010{day}-000000-00000{day}",
        kind="train",
        notebook="train",
        project="default",
        session="default-day",
        name=("<script>alert(1)</script>", "야간 주차장 검출 모델 실험", "")[day % 3],
        created_at=f"2026-01-0{day}T00:00:00.000Z",
        config={"epochs": 20, "batch": 4},
        model=ModelLock(ref="yolo26n.pt", kind="pretrained", task="detect", path=""),
    )
    workspace.ledger.record(spec)
    run = workspace.paths.run(spec.id)
    run.attempt(1).root.mkdir(parents=True)
    workspace.ledger.move(spec.id, RunState.RUNNING, "attempt-1", attempt=1)
    with EventLog(run.events, "attempt-1") as log:
        for epoch in range(1, 21 if complete else 9):
            values = {"train/box_loss": 2 / epoch, "metrics/mAP50-95(B)": 0.6 * (1 - math.exp(-epoch / 6))}
            log.append("metrics", step=epoch, scope="epoch", values=values)
    if complete:
        headline = Headline(name="mAP50-95", value=0.5 + 0.05 * (day % 4))
        result = RunResult(run=spec.id, attempt=1, headline=headline, seconds=600)
        workspace.ledger.complete(spec.id, result, "attempt-1")


@pytest.fixture(scope="module")
def served(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The dashboards, with a picture and a program beside them that nobody means to publish."""
    notebooks = tmp_path_factory.mktemp("served") / "dashboards"
    shutil.copytree(paths.notebook("dashboards", "overview").parent, notebooks)
    for name in ("private.png", "private.py", "private.txt"):
        (notebooks / name).write_bytes(b"private")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_ENGINE_HOME", str(workspace.parent / "engine"))
        with Server(workspace, token="a token", notebooks=notebooks, idle_s=IDLE_S) as server:
            yield server


@pytest.fixture
def enter(context: BrowserContext, served: Server, page: Page) -> Callable[[str], None]:
    """Return a function that opens a page as a visitor who has been let in."""
    context.clear_cookies()
    page.goto(served.url)
    page.wait_for_url("**/voila/render/overview.ipynb")

    def go(name: str) -> None:
        page.goto(f"{served.address}/voila/render/{name}")
        page.wait_for_selector(".wb-page footer")

    return go


def _contents(root: Path) -> dict[str, tuple[int, bytes]]:
    """Return all files; what SQLite keeps beside a database comes and goes with whoever reads, unless it holds rows."""
    found = {}
    for path in sorted(root.rglob("*")):
        with suppress(FileNotFoundError):
            data = path.read_bytes() if path.is_file() else b""
            if not path.name.endswith("-shm") and (data or not path.name.endswith("-wal")):
                found[str(path)] = (path.stat().st_mtime_ns, data)
    return found


def _kernels(server: Server) -> int:
    children = psutil.Process(server.pid).children(recursive=True)
    return sum("ipykernel_launcher" in " ".join(child.cmdline()) for child in children)


def _message(kind: str, **content: object) -> str:
    header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": "s", "username": "", "version": "5.3"}
    message = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}
    return json.dumps(message)


def test_every_page_shows_and_changes_nothing(
    served: Server, workspace: Path, page: Page, enter: Callable[[str], None], shots: Path
) -> None:
    before = _contents(workspace)
    for name, text in SHOWN.items():
        enter(name)
        expect(page.locator("main")).to_contain_text(text)
        label = re.sub(r"[^a-z]+", "-", name.partition("=")[0].replace(".ipynb", ""))
        for theme in ("light", "dark"):
            page.evaluate(f"document.body.dataset.jpThemeLight = '{theme == 'light'}'.toLowerCase()")
            for size in (WIDE, NARROW):
                page.set_viewport_size(size)  # type: ignore[arg-type]
                assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
                page.screenshot(path=shots / f"dashboard-{label}-{theme}-{size['width']}.png", full_page=True)
            check_access(page, "body")
    assert page.locator("script:text('alert(1)')").count() == 0
    assert _contents(workspace) == before


@pytest.mark.heavy
def test_pages_are_korean_when_asked_and_links_keep_that_but_not_the_token(
    served: Server, page: Page, enter: Callable[[str], None], shots: Path
) -> None:
    assert "token" not in page.url
    page.get_by_role("link", name="한국어").click()
    page.wait_for_url("**/overview.ipynb?lang=ko")
    page.get_by_role("link", name="데이터셋", exact=True).first.click()
    page.wait_for_url("**/dataset.ipynb?lang=ko")
    page.wait_for_selector(".wb-page footer")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.get_by_role("heading", name="클래스 분포")).to_be_visible()
    assert page.title().startswith("데이터셋 상태")
    page.screenshot(path=shots / "dashboard-dataset-korean.png", full_page=True)
    addresses = page.eval_on_selector_all("a", "links => links.map(link => link.href)")
    assert addresses
    assert not [address for address in addresses if "token" in address]


def test_a_run_that_goes_on_is_drawn_live(page: Page, enter: Callable[[str], None], shots: Path) -> None:
    enter(f"run.ipynb?run={GOING}")
    expect(page.locator("[data-live-slot] canvas").first).to_be_visible()
    expect(page.locator("main")).to_contain_text("8 of 20 epochs")
    page.screenshot(path=shots / "dashboard-run-live.png", full_page=True)
    check_access(page, "body")
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    check_access(page, "body")


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["overview.ipynb", f"run.ipynb?run={GOING}"])
def test_a_page_prints_whole_without_what_is_only_for_the_screen(
    page: Page, enter: Callable[[str], None], name: str
) -> None:
    enter(name)
    if "run=" in name:
        expect(page.locator("[data-live-slot] canvas").first).to_be_visible()
    printed = page.pdf(format="A5", print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 2
    page.emulate_media(media="print")
    expect(page.get_by_text("Light or dark")).to_be_hidden()
    expect(page.locator("footer")).to_be_visible()


def test_without_the_token_there_is_a_way_in_and_nothing_else(served: Server) -> None:
    for path in ("/", "/voila/render/overview.ipynb", "/voila/tree/", "/voila/api/contents/"):
        answer = httpx.get(f"{served.address}{path}")
        assert answer.status_code in {302, 403}, path
        assert answer.status_code == 403 or answer.headers["location"].startswith("/login"), path
    assert httpx.get(f"{served.address}/?token=wrong").status_code == 302
    assert "new_password" not in httpx.get(f"{served.address}/login").text


def test_no_file_beside_a_page_is_served_to_anybody(served: Server) -> None:
    with httpx.Client(base_url=served.address, params={"token": served.token}) as visitor:
        for name in ("private.png", "private.py", "private.txt", "overview.ipynb", "../private.png"):
            assert visitor.get(f"/voila/files/{name}").status_code in {403, 404}, name


@pytest.mark.heavy
def test_a_visitor_cannot_have_a_kernel_run_code_and_idle_kernels_end(served: Server, tmp_path: Path) -> None:
    with httpx.Client(base_url=served.address, timeout=60) as visitor:
        visitor.get("/", params={"token": served.token})
        page = visitor.get("/voila/render/overview.ipynb").text  # without its script, its kernel stays
        cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    kernel = json.loads(page.partition('id="jupyter-config-data" type="application/json">')[2].partition("<")[0])[
        "kernelId"
    ]
    made = tmp_path / "made"
    address = f"ws://127.0.0.1:{served.port}/api/kernels/{kernel}/channels"
    with connect(address, additional_headers={"Cookie": cookies}, origin=served.address) as socket:
        socket.send(_message("execute_request", code=f"open({str(made)!r}, 'w')", silent=False))
        socket.send(_message("kernel_info_request"))  # what may be asked is answered, and after what came before
        while json.loads(socket.recv(timeout=20))["msg_type"] != "kernel_info_reply":
            pass
    assert not made.exists()
    deadline = time.monotonic() + 60
    while _kernels(served) > served.waiting and time.monotonic() < deadline:
        time.sleep(0.5)
    assert _kernels(served) == served.waiting
