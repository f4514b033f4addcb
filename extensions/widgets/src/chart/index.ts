// The live chart: metrics of runs, one panel each.
import { Shell } from "../base/shell.ts";
import type { Model } from "../base/rpc.ts";
import { TEXTS } from "./texts.ts";
import { ChartView } from "./view.ts";

export default {
  render({ model, el }: { model: Model; el: HTMLElement }) {
    const shell = new Shell(model, el, "chart", (lang) => TEXTS.chart[lang]);
    new ChartView(model, shell);
    return () => shell.dispose();
  },
};
