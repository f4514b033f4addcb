// The dataset browser's entry: greets the kernel, then builds the browser.
import type { AnyModel } from "@anywidget/types";
import { h } from "../base/dom.ts";
import { Shell } from "../base/shell.ts";
import { Browse } from "./browse.ts";
import { TEXTS } from "./texts.ts";
import type { Hello } from "./types.ts";

async function begin(shell: Shell, model: AnyModel): Promise<void> {
  const waiting = h("p", { class: "wb-empty" }, TEXTS.loading[shell.lang]);
  shell.body.replaceChildren(waiting);
  try {
    const { data } = await shell.rpc.hello<Hello>();
    waiting.remove();
    await new Browse(shell, model, data, `wb-${shell.rpc.view}`).start();
  } catch (error) {
    waiting.remove();
    shell.fail(error, () => void begin(shell, model));
  }
}

function render({ model, el }: { model: AnyModel; el: HTMLElement }): () => void {
  const shell = new Shell(model, el, "grid", (lang) => TEXTS.browser[lang]);
  void begin(shell, model);
  return () => shell.dispose();
}

export default { render };
