// A run's config, where its values come from, and how it differs from another run's.
import { button, h, replace } from "../base/dom.ts";
import { title, written } from "./cells.ts";
import { table } from "./compare.ts";
import type { Comparison, Peer, Setting } from "./detail_types.ts";
import { ask, sayNothing, type Context, type Part } from "./part.ts";

export class Config implements Part {
  readonly root = h("div", { class: "bd-part" });
  readonly reads = [];
  readonly pace_ms = 1000;
  private readonly list = h("div");
  private readonly different = h("div");
  private all = false;
  private text = "";
  private peers = 0;

  refresh(context: Context): void {
    const { say } = context.speaking;
    if (!context.facts.config.length) return sayNothing(this.root, say("d_no_config"));
    if (!this.list.isConnected) replace(this.root, this.picker(context), this.different, this.filter(context), this.list);
    this.draw(context);
  }

  dispose(): void {}

  private filter(context: Context): HTMLElement {
    const { say } = context.speaking;
    const search = h("input", { type: "search", placeholder: say("d_find_setting"), "aria-label": say("d_find_setting") });
    search.addEventListener("input", () => {
      this.text = search.value.toLowerCase();
      this.draw(context);
    });
    const everything = button(say("d_all_settings"), () => {
      this.all = !this.all;
      everything.setAttribute("aria-pressed", String(this.all));
      this.draw(context);
    }, { "aria-pressed": String(this.all) });
    return h("div", { class: "wb-toolbar" }, search, everything);
  }

  private draw(context: Context): void {
    const { say } = context.speaking;
    const fits = (one: Setting) => (this.text ? one.name.toLowerCase().includes(this.text) : this.all || one.origin !== "default");
    const rows = context.facts.config.filter(fits).map((one) => {
      const origin = one.origin === "changed" ? say("d_changed", { before: written(one.before) }) : say(`d_${one.origin}`);
      return h("tr", {}, h("th", { scope: "row" }, one.name), h("td", {}, written(one.value)), h("td", {}, h("span", { class: `bd-badge bd-${one.origin}` }, origin)));
    });
    if (!rows.length) return sayNothing(this.list, this.text ? say("d_no_such_setting") : say("d_all_default"));
    replace(this.list, h("table", { class: "wb-table bd-config" }, h("tbody", {}, ...rows)));
  }

  private picker(context: Context): HTMLElement {
    const { say } = context.speaking;
    const id = `bd-peers-${Math.random().toString(36).slice(2)}`;
    const select = h("select", { id, change: () => this.compare(select.value, context) }, h("option", { value: "" }, say("d_pick_run")));
    const search = h("input", { type: "search", placeholder: say("search"), "aria-label": say("search") });
    const fill = () => {
      this.peers += 1;
      const turn = this.peers;
      ask<Peer[]>(context, this.different, "peers", { text: search.value }, (peers) => {
        if (turn !== this.peers) return;
        const options = peers.map((peer) => h("option", { value: peer.id }, `${title(peer)} · ${say(peer.state)} · ${peer.id.slice(-6)}`));
        replace(select, h("option", { value: "" }, say("d_pick_run")), ...options);
      });
    };
    search.addEventListener("change", fill);
    fill();
    return h("div", { class: "wb-toolbar" }, h("label", { for: id, class: "wb-quiet" }, say("d_compare_with")), select, search);
  }

  private compare(other: string, context: Context): void {
    if (!other) return this.different.replaceChildren();
    ask<Comparison>(context, this.different, "differences", { other }, (found, _, python) => {
      context.shell.showPython(python);
      replace(this.different, table(found, context.speaking));
    });
  }
}
