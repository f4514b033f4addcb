"""The dataset browser in a real Lab: looking, filtering, picking, keeping; and what is wrong with data."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image, ImageColor
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import NARROW, WIDE, check_access, in_python, open_lab, run_all
from tests.browser.servers import Lab
from tests.tiny import class_folders
from workbench.datasets.pictures.overlays import color_of

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

MARKUP = "<img src=x onerror=alert(1)>"
KOREAN = "아주 긴 이름을 가진 교통 표지판 종류"
NAMES = [MARKUP, 'a, "b" AND c', *(f"{KOREAN} {number}" for number in range(498))]
OPEN = """import workbench as wb
from workbench.widgets.grid import browse
ws = wb.open()
dataset = ws.datasets.add(r"{path}", "{name}", replace=True{options})
browser = browse(dataset, lang="{lang}")
browser"""
PAINTED = ".wb-cells[data-state=painted]"
SHAPES = {
    "segment": "0 0.2 0.2 0.7 0.25 0.8 0.7 0.3 0.8\n1 0.6 0.1 0.9 0.1 0.75 0.4\n",
    "obb": "0 0.3 0.2 0.8 0.4 0.7 0.7 0.2 0.5\n",
    "pose": "0 0.5 0.5 0.6 0.8 0.5 0.2 2 0.3 0.5 2 0.7 0.5 1 0.4 0.8 2 0.6 0.8 0\n",
}


OF_COLOR = """(canvas, [red, green, blue]) => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let n = 0; n < data.length; n += 4)
    if (Math.abs(data[n] - red) + Math.abs(data[n + 1] - green) + Math.abs(data[n + 2] - blue) < 12) count += 1;
  return count;
}"""


def draw(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((320, 240), Image.Resampling.BICUBIC).save(path, quality=90)
    return path


def yolo(folder: Path, rows: dict[str, list[str]], names: list[str], **more: Any) -> Path:
    """Write images, a label file with ``rows`` for each, and the data.yaml, which is returned."""
    for split, labels in rows.items():
        for number, label in enumerate(labels):
            draw(folder / "images" / split / f"{split}_{number:03d}.jpg", number + 1000 * len(split))
            text = folder / "labels" / split / f"{split}_{number:03d}.txt"
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_text(label, encoding="utf-8")
    told = {"path": str(folder), "train": "images/train", "val": "images/val", "names": dict(enumerate(names)), **more}
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump(told, allow_unicode=True), encoding="utf-8")
    return path


def masked(folder: Path) -> None:
    """Write a mask beside each image: class 0 below, class 1 in the middle."""
    for image in (folder / "images").rglob("*.jpg"):
        values = np.full((240, 320), 255, np.uint8)
        values[140:] = 0
        values[60:180, 100:220] = 1
        path = folder / "masks" / image.parent.name / f"{image.stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)


def troubled(folder: Path) -> Path:
    """A dataset with 500 classes of awkward names, copies in both splits, a torn file and labels that are wrong."""
    boxes = [f"{number % 500} 0.4 0.5 0.5 0.6\n{number * 7 % 500} 0.8 0.2 0.05 0.08\n" for number in range(40)]
    path = yolo(folder, {"train": [*boxes, ""], "val": [*boxes[:8], "900 0.5 0.5 0.2 0.2\n"]}, NAMES)
    for number in range(3):
        shutil.copy(folder / f"images/train/train_00{number}.jpg", folder / f"images/val/val_00{number}.jpg")
    torn = folder / "images/train/train_005.jpg"
    torn.write_bytes(torn.read_bytes()[:900])
    return path


@pytest.fixture
def grid(lab: Lab, page: Page) -> Iterator[Locator]:
    page.set_viewport_size(WIDE)
    yield page.locator(".jp-OutputArea-output .wb-grid")
    lab.set_theme(dark=False)


def show(lab: Lab, page: Page, path: Path, name: str, options: str = "", lang: str = "en") -> None:
    lab.put(f"{name}.ipynb", [OPEN.format(path=path, name=name, options=options, lang=lang), "'end'"])
    open_lab(page, lab, f"{name}.ipynb")
    page.evaluate("() => { jupyterapp.shell.collapseLeft(); return null; }")  # else nothing is left of a narrow page
    run_all(page)
    page.wait_for_selector(PAINTED)


def test_a_click_filters_the_keyboard_picks_and_python_has_what_was_picked(
    lab: Lab, page: Page, grid: Locator, shots: Path, tmp_path: Path
) -> None:
    show(lab, page, troubled(tmp_path / "street"), "street")
    expect(grid.locator(".wb-amount")).to_have_text("50 images")
    grid.locator(".wb-facet-splits .wb-facet", has_text="val").click()
    expect(grid.locator(".wb-amount")).to_have_text("9 of 50 images")
    grid.locator(".wb-facet-classes .wb-facet", has_text=MARKUP).click()
    expect(grid.locator(".wb-chip")).to_have_count(2)
    expect(grid.locator(".wb-line")).to_have_value(f'split:val AND class:"{MARKUP}"')
    grid.get_by_role("button", name="Back").click()
    expect(grid.locator(".wb-amount")).to_have_text("9 of 50 images")
    page.wait_for_selector(PAINTED)
    grid.get_by_role("gridcell").first.click()
    for key in ("ArrowRight", "Shift+ArrowRight", "Control+a"):
        page.keyboard.press(key)
    expect(grid.locator(".wb-picked")).to_have_text("9 selected")
    assert (
        in_python(page, "(len(browser.selection), browser.selection.view, browser.view)")
        == "(9, 'split:val', 'split:val')"
    )
    page.screenshot(path=shots / "grid-light.png")
    check_access(page, ".wb-grid")
    grid.get_by_role("button", name="Keep selection as view").click()
    grid.get_by_label("Name of the view").fill("mine")
    page.keyboard.press("Enter")
    expect(grid.locator(".wb-facet-views .wb-facet")).to_have_text("mine")
    assert in_python(page, "ws.datasets.show('street').views") == "{'mine': 'split:val'}"


@pytest.mark.heavy
def test_a_wrong_line_is_told_at_the_line_and_sql_filters_too(
    lab: Lab, page: Page, grid: Locator, tmp_path: Path
) -> None:
    show(lab, page, troubled(tmp_path / "lines"), "lines")
    line = grid.locator(".wb-line")
    line.fill("split:trai")
    line.press("Enter")
    expect(grid.locator(".wb-trouble p")).to_have_count(3)
    expect(grid.locator(".wb-amount")).to_have_text("50 images")
    grid.get_by_label("Language of the filter").select_option("sql")
    line.fill("SELECT image_id FROM images WHERE split = 'val'")
    line.press("Enter")
    expect(grid.locator(".wb-amount")).to_have_text("9 of 50 images")
    expect(grid.locator(".wb-trouble p")).to_have_count(0)
    in_python(page, "browser.sql = ''; browser.view = 'background'")
    expect(grid.locator(".wb-amount")).to_have_text("2 of 50 images")


@pytest.mark.heavy
def test_what_is_wrong_leads_to_its_images_and_copies_stand_side_by_side(
    lab: Lab, page: Page, grid: Locator, shots: Path, tmp_path: Path
) -> None:
    lab.set_theme(dark=True)
    show(lab, page, troubled(tmp_path / "wrong"), "wrong", lang="ko")
    expect(grid.locator(".wb-cell[data-state=bad]")).to_have_count(1)
    page.screenshot(path=shots / "grid-dark.png")
    grid.locator("[data-tab=issues]").click()
    rule = grid.locator(".wb-rule", has_text="leak-exact")
    expect(rule).to_contain_text("3")
    page.screenshot(path=shots / "grid-issues-dark.png")
    check_access(page, ".wb-grid")
    grid.locator("[data-tab=pairs]").click()
    expect(grid.locator(".wb-pair")).to_have_count(3)
    page.screenshot(path=shots / "grid-pairs-dark.png")
    check_access(page, ".wb-grid")
    grid.locator("[data-tab=issues]").click()
    rule.get_by_role("button").click()
    expect(grid.locator(".wb-amount")).to_have_text("이미지 50개 중 3개")


@pytest.mark.heavy
def test_one_image_is_shown_large_and_the_next_by_a_key(
    lab: Lab, page: Page, grid: Locator, shots: Path, tmp_path: Path
) -> None:
    show(lab, page, troubled(tmp_path / "large"), "large")
    grid.get_by_role("gridcell").first.click()
    page.keyboard.press("Enter")
    heading = grid.locator(".wb-detail-name")
    expect(heading).to_have_text("train_000.jpg")
    expect(grid.locator(".wb-detail tbody tr")).to_have_count(2)
    expect(grid.locator(".wb-detail tbody th").first).to_have_text(MARKUP)
    page.keyboard.press("+")
    page.screenshot(path=shots / "grid-detail.png")
    check_access(page, ".wb-grid")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(heading).to_have_text("train_005.jpg")
    expect(grid.locator(".wb-reason")).to_contain_text("Cannot be shown")
    page.keyboard.press("Escape")
    expect(grid.get_by_role("gridcell", name="train_005.jpg")).to_be_focused()


@pytest.mark.heavy
@pytest.mark.parametrize("task", ["segment", "obb", "pose", "semantic", "classify"])
def test_every_task_draws_its_own_shapes(
    lab: Lab, page: Page, grid: Locator, shots: Path, tmp_path: Path, task: str
) -> None:
    more = {"kpt_shape": [5, 3]} if task == "pose" else {}
    rows = {"train": [SHAPES.get(task, "")] * 3, "val": [SHAPES.get(task, "")]}
    more |= {"masks_dir": "masks"} if task == "semantic" else {}
    folder = tmp_path / task
    path = class_folders(folder) if task == "classify" else yolo(folder, rows, ["one", "two"], **more)
    if task == "semantic":
        masked(folder)
    show(lab, page, path, f"task-{task}", options=f', task="{task}"')
    page.screenshot(path=shots / f"grid-{task}.png")
    assert page.locator(".wb-cell canvas").first.evaluate(OF_COLOR, [*ImageColor.getrgb(color_of(0))]) > 20


@pytest.mark.heavy
def test_it_works_at_the_width_of_a_phone(lab: Lab, page: Page, grid: Locator, shots: Path, tmp_path: Path) -> None:
    path = troubled(tmp_path / "narrow")
    page.set_viewport_size(NARROW)
    show(lab, page, path, "narrow")
    page.screenshot(path=shots / "grid-narrow.png")
    assert page.evaluate(
        "() => { const e = document.querySelector('.wb-grid'); return e.scrollWidth <= e.clientWidth; }"
    )
    grid.get_by_role("button", name="Filters", exact=True).click()
    grid.locator(".wb-facet-splits .wb-facet", has_text="val").click()
    expect(grid.locator(".wb-amount")).to_have_text("9 of 50 images")
    page.screenshot(path=shots / "grid-narrow-filters.png")
    check_access(page, ".wb-grid")


@pytest.mark.heavy
def test_a_dataset_that_is_removed_while_it_is_browsed_is_told(
    lab: Lab, page: Page, grid: Locator, shots: Path, tmp_path: Path
) -> None:
    show(lab, page, troubled(tmp_path / "gone"), "gone")
    in_python(page, "ws.datasets.remove('gone')")
    grid.locator(".wb-facet-splits .wb-facet", has_text="val").click()
    expect(grid.locator(".wb-problem")).to_contain_text("'gone' was removed while it was browsed")
    page.screenshot(path=shots / "grid-gone.png")


@pytest.mark.heavy
def test_no_match_is_said_and_closing_and_reopening_loses_nothing(
    lab: Lab, page: Page, grid: Locator, tmp_path: Path
) -> None:
    show(lab, page, troubled(tmp_path / "none"), "none")
    grid.locator(".wb-line").fill("objects>99")
    grid.locator(".wb-line").press("Enter")
    expect(grid.locator(".wb-note")).to_have_text("No image matches.")
    grid.get_by_role("button", name="Remove objects>99").click()
    expect(grid.locator(".wb-amount")).to_have_text("50 images")
    grid.locator(".wb-facet-splits .wb-facet", has_text="val").click()
    expect(grid.locator(".wb-amount")).to_have_text("9 of 50 images")
    grid.get_by_role("gridcell").first.click()
    expect(grid.locator(".wb-picked")).to_have_text("1 selected")
    page.evaluate("() => jupyterapp.shell.currentWidget.content.widgets[0].outputArea.model.clear()")
    expect(grid).to_have_count(0)
    page.evaluate(
        """() => {
          const cells = jupyterapp.shell.currentWidget.content;
          cells.activeCellIndex = 1;
          cells.activeCell.model.sharedModel.setSource("browser");
          jupyterapp.commands.execute("notebook:run-cell");
          return null;
        }"""
    )
    expect(grid.locator(".wb-amount")).to_have_text("9 of 50 images")
    expect(grid.locator(".wb-picked")).to_have_text("1 selected")
