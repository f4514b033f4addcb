"""The same live chart drawn by ours, plotly, bqplot and matplotlib, side by side: ``make bench-ui``.

Each shows one run of 10,000, 100,000 and a million points while another process appends 100 points ten times a second.
Ours is what a person writes, ``wb.watch(run)``. The others are written as their own documentation has it: all points,
read from the run's log by a thread, and given to the figure whenever there are more. A figure that shows nothing in two
minutes, or nothing of what was appended, is a row as well: "hang".

What is timed is as in ``ui_chart``: from the ``time.time()`` with which a batch was logged to the end of the first
frame that shows it or a later one. plotly and bqplot must be installed beside the workbench: ``make bench-ui`` does so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress

from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.bench import ui_chart
from tests.bench.ui_chart import OURS, SCOPE, Contestant, live, scene

SIZES = (10_000, 100_000, 1_000_000)
HERTZ, ROWS = 10.0, 100
# Reads what is new of the run's log, and calls `show` with all points and the time of the newest.
_FEED = """
import threading, time
import numpy as np
from workbench.runs.run import Run
run = Run(ws.ledger, ws.dispatcher, {run!r})
found = run.history.series({metric!r}, {scope!r}, points=None)
steps, values = found.steps.astype(float), found.values

def feed():
    last = len(steps)
    while True:
        found = run.history.series({metric!r}, {scope!r}, points=None)
        if len(found.steps) > last:
            last = len(found.steps)
            show(found.steps.astype(float), found.values, float(found.at[-1]))
        time.sleep(0.05)

threading.Thread(target=feed, daemon=True).start()
"""
# Tells the bench that a frame shows the batch of the time that stands in the figure.
_TELL = """
from IPython.display import Javascript, display
display(Javascript('''(() => {{
  let last = 0;
  const look = () => {{
    const at = (() => {{ {read} }})();
    if (at && at !== last) {{
      last = at;
      document.dispatchEvent(new CustomEvent("wb-drawn", {{detail: {{at, lines: 1}}}}));
    }}
    requestAnimationFrame(look);
  }};
  look();
}})()'''))
"""
_PLOTLY = """
import plotly.graph_objects as go
layout = {{"height": 300, "title": str(float(found.at[-1]))}}
figure = go.FigureWidget([go.Scattergl(x=steps, y=values, mode="lines")], layout)
display(figure)

def show(steps, values, at):
    with figure.batch_update():
        figure.data[0].x, figure.data[0].y, figure.layout.title.text = steps, values, str(at)
"""
_PLOTLY_READ = 'return Number(document.querySelector(".js-plotly-plot .gtitle")?.textContent || 0);'
_BQPLOT = """
import bqplot
x, y = bqplot.LinearScale(), bqplot.LinearScale()
line = bqplot.Lines(x=steps, y=values, scales={{"x": x, "y": y}})
figure = bqplot.Figure(marks=[line], axes=[bqplot.Axis(scale=x), bqplot.Axis(scale=y, orientation="vertical")],
                       title=str(float(found.at[-1])), animation_duration=0)
display(figure)

def show(steps, values, at):
    with line.hold_sync():
        line.x, line.y = steps, values
    figure.title = str(at)
"""
_BQPLOT_READ = 'return Number(document.querySelector(".bqplot .mainheading")?.textContent || 0);'
_MATPLOTLIB = """
import base64, io, ipywidgets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
figure = Figure((10, 3))
FigureCanvasAgg(figure)
axes = figure.add_subplot()
place = ipywidgets.HTML()
display(place)

def show(steps, values, at):
    axes.clear()
    axes.plot(steps, values)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    picture = base64.b64encode(file.getvalue()).decode()
    place.value = f'<img class="rival-mpl" data-at="{{at}}" src="data:image/png;base64,{{picture}}">'

show(steps, values, float(found.at[-1]))
"""
_MATPLOTLIB_READ = (
    'const image = document.querySelector("img.rival-mpl"); return image?.complete ? Number(image.dataset.at) : 0;'
)


def _contestant(name: str, draw: str, read: str) -> Contestant:
    def shows(runs: Sequence[str], metrics: Sequence[str]) -> str:
        head, feed = _FEED.split("def feed", 1)
        told = {"run": runs[0], "metric": metrics[0], "scope": SCOPE}
        return head.format(**told) + _TELL.format(read=read) + draw.format() + ("def feed" + feed).format(**told)

    return Contestant(name, OURS.imports, shows)


CONTESTANTS = (
    OURS,
    _contestant("plotly", _PLOTLY, _PLOTLY_READ),
    _contestant("bqplot", _BQPLOT, _BQPLOT_READ),
    _contestant("matplotlib", _MATPLOTLIB, _MATPLOTLIB_READ),
)


def main() -> None:
    """Print a line per contestant and size, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--only", choices=[each.name for each in CONTESTANTS])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found: dict[str, dict[str, float] | None] = {}
    if not asked.json:
        sys.stdout.write(_HEAD)
    with scene() as at:
        for points in asked.sizes:
            for contestant in CONTESTANTS:
                if asked.only in {None, contestant.name}:
                    what, figures = f"{contestant.name} {points:,}", None
                    with suppress(PlaywrightTimeoutError, ui_chart.NothingShownError):
                        figures = live(at, contestant, points, asked.seconds, ROWS, HERTZ)
                    found[what] = figures
                    if not asked.json:
                        sys.stdout.write(_row(what, figures))
                        sys.stdout.flush()
    if asked.json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")


_HEAD = f"{'':<24}{'p50 ms':>10}{'p95 ms':>10}{'FPS':>8}{'longest frame':>16}{'not shown':>12}\n"


def _row(what: str, figures: dict[str, float] | None) -> str:
    if figures is None:
        return f"{what:<24}{'hang':>10}\n"
    names = ("latency p50", "latency p95", "FPS", "longest frame", "not shown")
    p50, p95, fps, frame, missing = (figures[name] for name in names)
    return f"{what:<24}{p50:>10.0f}{p95:>10.0f}{fps:>8.0f}{frame:>16.0f}{missing:>12.0f}\n"


if __name__ == "__main__":
    main()
