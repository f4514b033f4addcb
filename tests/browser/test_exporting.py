"""The export wizard in a real JupyterLab: from a trained run to a certificate, and what a person is told on the way."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.boards import Yard
from tests.browser.pages import check_access, narrow, open_lab, run_all
from tests.browser.servers import Lab
from tests.trained import Trained
from workbench import storage
from workbench.runs.model import RunState

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

CELL = """from workbench.runs.supervision.memory import MemoryLauncher
from workbench.settings import Settings
from workbench.workspace import Workspace
import workbench as wb

ws = Workspace({workspace!r}, settings=Settings(workbench_engine_home={engine!r}), launcher=MemoryLauncher())
wizard = wb.export_wizard(ws{more})
wizard"""
ROWS = {
    "file": "pass",
    "class names": "pass",
    "raw output": "pass",
    "detections": "fail",
    "endpoint": "unverified",
    "accuracy": "pass",
    "images": "pass",
    "<b>bold</b>": "pass",
}


@pytest.fixture
def yard(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Yard]:
    made = Yard(lab.notebooks / request.node.name[:40])
    yield made
    made.close()
    lab.set_theme(dark=False)


def show(lab: Lab, page: Page, yard: Yard, more: str = "") -> None:
    paths = {"workspace": str(yard.workspace.paths.root), "engine": str(yard.folder / "engine")}
    lab.put("exporting.ipynb", [CELL.format(**paths, more=more and f", {more}")])
    open_lab(page, lab, "exporting.ipynb")
    run_all(page)
    page.wait_for_selector(".ex-formats [data-format=onnx]")


def done(yard: Yard, name: str) -> str:
    """Return a training that ended well."""
    run = yard.record(name)
    yard.begin(run)
    yard.end(run, RunState.COMPLETED)
    return run


def exported(yard: Yard, run: str, precision: str, rows: dict[str, str]) -> str:
    """Return an export of a run with a certificate."""
    made = yard.record(kind="export", source=run)
    paths = yard.paths(made)
    told = {"config": None, "parameters": {"format": "onnx", "precision": precision, "imgsz": None}}
    storage.put_json(paths.spec, json.loads(paths.spec.read_text(encoding="utf-8")) | told)
    yard.begin(made)
    differs = "fail" in rows.values()
    checks = [{"name": name, "verdict": each, "found": "0.4 px", "wanted": "0.01 px"} for name, each in rows.items()]
    accuracy = {"metric": "mAP50-95", "checkpoint": 0.712, "export": 0.704, "drop": 0.8, "low": 0.1, "high": 1.6}
    latency = {"p50_ms": 3.21, "p95_ms": 4.5, "per_s": 300.0, "threads": 1, "processor": "A Processor"}
    more = {"accuracy": {**accuracy, "images": 64}, "latency": latency, "memory_mb": 61.5, "size_bytes": 9_600_000}
    paths.export.mkdir()
    storage.put_json(paths.export / "certificate.json", {"passed": not differs, "checks": checks, "images": 64, **more})
    page = '<script>parent.document.title = "taken over"</script><h1>The whole certificate</h1>'
    (paths.export / "certificate.html").write_text(page, encoding="utf-8")
    yard.end(made, RunState.FAILED if differs else RunState.COMPLETED, "The export is not like its checkpoint.")
    return made


def row(page: Page, name: str) -> Locator:
    return page.locator(f"tr[data-format={name}]")


def shoot(page: Page, shots: Path, name: str, at: str = ".wb-exporting") -> None:
    page.locator(at).first.scroll_into_view_if_needed()
    page.mouse.move(2, 2)
    page.wait_for_timeout(300)
    page.screenshot(path=shots / f"exporting-{name}.png")


def test_without_a_training_it_says_what_to_do_and_one_that_ends_appears(
    lab: Lab, page: Page, yard: Yard, shots: Path
) -> None:
    show(lab, page, yard)
    expect(page.locator(".wb-exporting .wb-empty").first).to_contain_text("No training has been completed yet.")
    expect(page.locator("[data-act=start]")).to_be_disabled()
    check_access(page, ".wb-exporting")
    shoot(page, shots, "empty")
    run = done(yard, "first")
    expect(page.locator(".ex-run select")).to_have_value(run)
    expect(page.locator("[data-act=start]")).to_be_enabled()
    expect(page.locator(".ex-list")).to_contain_text("Nothing was exported from this run yet.")


def test_formats_are_chosen_by_keyboard_and_what_is_refused_says_why(
    lab: Lab, page: Page, yard: Yard, shots: Path
) -> None:
    run = done(yard, "first")
    show(lab, page, yard)
    expect(page.locator("[data-act=start]")).to_have_text("Export ONNX FP32")
    row(page, "onnx").get_by_label("Precision of ONNX").select_option("fp16")
    expect(page.locator(".wb-python code")).to_have_text('wizard.chosen = {"onnx": "fp16"}')
    row(page, "torchscript").get_by_role("checkbox").press("Space")
    expect(page.locator("[data-act=start]")).to_have_text("Export 2 formats")
    expect(page.locator(".ex-planned li")).to_have_text(["ONNX FP16", "TorchScript FP32"])

    page.locator(".ex-refused summary").press("Enter")
    refused = row(page, "hailo")
    expect(refused.get_by_role("checkbox")).to_be_disabled()
    expect(refused).to_contain_text("Dataflow Compiler")
    described = refused.get_by_role("checkbox").get_attribute("aria-describedby")
    expect(page.locator(f"#{described}")).to_contain_text("Hailo")

    page.locator(".ex-options summary").press("Enter")
    size = page.get_by_role("textbox", name="Image size")
    size.fill("large")
    size.press("Enter")
    expect(page.locator(".ex-planned [role=alert]").first).to_contain_text("The image size large is not valid.")
    expect(page.locator("[data-act=start]")).to_be_disabled()
    size.fill("320")
    size.press("Enter")
    page.get_by_label("ONNX operator set").select_option("17")
    expect(page.locator(".ex-planned li")).to_have_text(["ONNX FP16 320×320", "TorchScript FP32 320×320"])
    expect(page.locator(".ex-options")).to_contain_text("taken by ONNX")
    check_access(page, ".wb-exporting")
    shoot(page, shots, "options")

    row(page, "torchscript").get_by_role("checkbox").press("Space")
    row(page, "litert").get_by_role("checkbox").press("Space")
    page.locator("[data-act=start]").press("Enter")
    question = page.get_by_role("alertdialog")
    expect(question).to_contain_text("of packages are fetched and kept in the workspace, once: litert")
    expect(page.locator("[data-act=leave]")).to_be_focused()
    check_access(page, ".wb-exporting")
    shoot(page, shots, "question", "[role=alertdialog]")
    page.keyboard.press("Escape")
    expect(page.locator("[data-act=start]")).to_be_focused()
    assert [each.id for each in yard.workspace.runs()] == [run]


@pytest.mark.parametrize(("theme", "lang"), [("light", "en"), ("dark", "ko")])
def test_a_certificate_is_read_as_a_verdict(
    lab: Lab, page: Page, yard: Yard, shots: Path, theme: str, lang: str
) -> None:
    run = done(yard, "숫자 검출")
    good = exported(yard, run, "fp32", {**ROWS, "detections": "pass"})
    bad = exported(yard, run, "int8", ROWS)
    lab.set_theme(theme == "dark")
    show(lab, page, yard, f"lang={lang!r}, opened={bad!r}")
    say = {"en": ("no", "yes", "fails", "Close"), "ko": ("아니요", "예", "실패", "닫기")}[lang]
    proof = page.locator(".ex-proof")
    expect(proof.locator(".ex-verdict-word")).to_contain_text(say[0])
    expect(proof.locator(".ex-checks tbody tr").first).to_contain_text(say[2])
    expect(proof.locator(".ex-checks tbody tr").first).to_have_attribute("data-row", "detections")
    expect(proof).to_contain_text("mAP50-95 71.2 → 70.4")
    expect(proof).to_contain_text("0.80 (0.10 … 1.60)")
    expect(proof.locator(".ex-checks")).to_contain_text("<b>bold</b>")
    expect(proof.locator(".wb-primary")).to_have_count(0)  # what differs is not handed out
    check_access(page, ".wb-exporting")
    shoot(page, shots, theme)
    shoot(page, shots, f"{theme}-proof", ".ex-proof")

    page.locator(f"[data-key=open-{good}]").press("Enter")
    expect(proof.locator(".ex-verdict-word")).to_contain_text(say[1])
    expect(page.locator(".wb-python code")).to_have_text(f'ws.find_export("{good}").certificate')
    proof.get_by_role("button", name=say[3]).press("Enter")
    expect(proof).to_be_hidden()
    expect(page.locator(f"[data-key=open-{good}]")).to_be_focused()
    narrow(page)
    page.locator(f"[data-key=open-{bad}]").press("Enter")
    shoot(page, shots, f"{theme}-narrow")
    assert page.locator(".wb-exporting").evaluate("(element) => element.scrollWidth - element.clientWidth") <= 0


def test_the_whole_certificate_opens_beside_and_can_do_nothing_there(lab: Lab, page: Page, yard: Yard) -> None:
    good = exported(yard, done(yard, "first"), "fp32", {"file": "pass", "detections": "pass"})
    show(lab, page, yard, f"opened={good!r}")
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Open the whole certificate").click()
    tab = opened.value
    expect(tab.frame_locator("iframe").get_by_role("heading")).to_have_text("The whole certificate")
    assert tab.title() == f"{good}.html"
    tab.close()


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory, trained: Trained) -> Iterator[Lab]:
    """A Lab whose kernels have the engine and the workspace of the trained run."""
    with Lab(tmp_path_factory.mktemp("own"), trained.variables) as server:
        yield server


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_a_run_is_exported_by_hand_and_proven(
    own: Lab, page: Page, trained: Trained, shots: Path, tmp_path: Path
) -> None:
    run = trained.report["run"]
    own.put("exporting.ipynb", [f'import workbench as wb\nws = wb.open()\nwb.export_wizard(ws.run("{run}"))'])
    open_lab(page, own, "exporting.ipynb")
    run_all(page)
    exports = page.locator(".ex-exports tr[data-export]")
    expect(exports).to_have_count(1)
    before = exports.first.get_attribute("data-export")

    start, proof = page.locator("[data-act=start]"), page.locator(".ex-proof")
    start.click()
    expect(page.locator(".ex-told")).to_contain_text("was there already", timeout=60_000)
    expect(proof.locator(".ex-verdict-word")).to_have_text("Answers like the model: yes")
    expect(exports).to_have_count(1)
    expect(page.locator(f'[data-key="open-{before}"]')).to_have_attribute("aria-expanded", "true")
    proof.get_by_role("button", name="Close").click()

    page.locator(".ex-options summary").click()
    page.get_by_label("Make it anew, though it is there").check()
    start.click()
    expect(page.locator(".wb-python code")).to_have_text(f'ws.export("{run}", "onnx", fresh=True)')
    expect(exports).to_have_count(2, timeout=120_000)
    expect(exports.first).to_contain_text("running", timeout=120_000)
    shoot(page, shots, "going", ".ex-list")
    expect(exports.first).to_contain_text("completed", timeout=300_000)
    expect(proof.locator(".ex-verdict-word")).to_have_text("Answers like the model: yes")
    expect(proof).to_contain_text("mAP50-95")
    check_access(page, ".wb-exporting")
    shoot(page, shots, "proven", ".ex-proof")
    proof.get_by_text("Log", exact=True).click()
    expect(proof.get_by_role("log")).to_contain_text("Exporting best.pt as ONNX FP32")

    with page.expect_download() as taken:
        proof.get_by_role("button", name="Download the bundle").click()
    target = tmp_path / "bundle.zip"
    taken.value.save_as(target)
    assert {"certificate.json", "model.json", "SHA256SUMS"} <= set(zipfile.ZipFile(target).namelist())
