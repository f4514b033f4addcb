// The certificate of one export as a readable verdict, what it measured, and what can be taken away.
import { button, h, replace } from "../base/dom.ts";
import { bytes, number } from "../base/format.ts";
import type { Shell } from "../base/shell.ts";
import type { Say } from "../base/texts.ts";
import { saved, shown } from "./handing.ts";
import { marked } from "./marks.ts";
import { rowKey } from "./options.ts";
import type { Key } from "./texts.ts";
import type { Certificate, Proof } from "./types.ts";
import { drop, inOrder, markOf, MARKS, points } from "./words.ts";

const PICTURE_PX = 900;
const PATIENCE_MS = 120_000; // packing and sending a large model
const WORDS = { good: "row_good", bad: "row_bad", open: "row_open", warned: "row_warned" } as const;

export class VerdictPanel {
  readonly root = h("section", { class: "ex-proof", hidden: true, tabindex: -1 });
  private readonly shell: Shell;
  private readonly say: Say<Key>;
  private readonly closed: () => void;
  private readonly addresses: string[] = [];
  private shows = "";
  private readLog: () => void = () => {};

  constructor(shell: Shell, say: Say<Key>, closed: () => void) {
    this.shell = shell;
    this.say = say;
    this.closed = closed;
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.closed();
    });
    shell.atEnd(() => this.forget());
  }

  /** Show an export; an empty id shows none. */
  async show(id: string, focus = false): Promise<void> {
    this.shows = id;
    if (!id) {
      this.root.hidden = true;
      this.forget();
      return;
    }
    try {
      const { data, python } = await this.shell.rpc.ask<Certificate>("certificate", { export: id });
      if (this.shows !== id) return;
      this.shell.showPython(python);
      this.shell.steady(() => this.draw(data));
      if (focus) this.root.focus();
    } catch (error) {
      if (this.shows === id) this.shell.fail(error, () => void this.show(id, focus));
    }
  }

  /** Read anew what the export that is shown says, while it goes on. */
  listen(): void {
    this.readLog();
  }

  private draw(found: Certificate): void {
    const { say } = this;
    this.forget();
    this.root.hidden = false;
    this.root.setAttribute("aria-label", say("certificate_of", { words: found.words }));
    const head = h("div", { class: "ex-proof-head" }, h("strong", {}, found.words), h("code", { class: "ex-id" }, found.id), button(say("close"), () => this.closed(), { class: "wb-button ex-close" }));
    const none = h("p", { class: "wb-quiet" }, say(found.going ? "no_proof_yet" : "no_proof"));
    const failed = !found.going && found.state !== "completed" && found.reason ? h("p", { class: "ex-problem" }, found.reason) : null;
    const damaged = found.damage ? h("p", { class: "ex-problem" }, found.damage) : null;
    replace(this.root, head, found.proof ? this.proof(found.proof) : none, found.proof ? null : failed, damaged, this.log(found), this.files(found));
    if (found.proof) this.load(found.id, found.proof);
  }

  private proof(proof: Proof): HTMLElement {
    const { say } = this;
    const mark = MARKS[proof.verdict];
    const told = say("answers_like", { verdict: say(proof.verdict) });
    const pictures = proof.pictures.map((each) => h("figure", { class: "ex-picture" }, h("img", { alt: each.caption, "data-path": each.path }), h("figcaption", {}, each.caption)));
    return h(
      "div",
      {},
      h("div", { class: `ex-verdict ex-is-${mark}` }, h("p", { class: "ex-verdict-word" }, marked(mark, told)), h("p", { class: "wb-quiet" }, say(`why_${proof.verdict}`))),
      this.figures(proof),
      pictures.length ? h("h4", {}, say("pictures")) : null,
      pictures.length ? h("div", { class: "ex-pictures" }, ...pictures) : null,
      h("h4", {}, say("checked")),
      this.rows(proof),
    );
  }

  private figures(proof: Proof): HTMLElement {
    const { say } = this;
    const { accuracy, latency } = proof;
    const figure = (key: Key, value: string | null, more = "") =>
      h("tr", {}, h("th", { scope: "row" }, say(key)), h("td", {}, h("span", { class: value ? "ex-value" : "wb-quiet" }, value ?? say("not_measured")), more ? h("span", { class: "wb-quiet" }, ` · ${more}`) : null));
    const before = accuracy && say("accuracy_said", { metric: accuracy.metric, before: points(accuracy.checkpoint), after: points(accuracy.export) });
    const speed = latency && { per_s: number(latency.per_s, 3), threads: latency.threads ?? 0, processor: latency.processor };
    const rows = [
      figure("accuracy", before, accuracy ? say("accuracy_drop", { drop: drop(accuracy) }) : ""),
      figure("latency", latency && say("latency_said", { p50: number(latency.p50_ms, 3), p95: number(latency.p95_ms, 3) }), speed ? say(speed.threads > 1 ? "latency_more" : speed.threads ? "latency_more_one" : "latency_more_chosen", speed) : ""),
      figure("size", proof.size_bytes === null ? null : bytes(proof.size_bytes)),
      figure("memory", proof.memory_mb === null ? null : `${number(proof.memory_mb, 3)} MB`),
      figure("compared", proof.images === null ? null : say("of_images", { n: proof.images })),
    ];
    return h("table", { class: "ex-figures", "aria-label": say("measured") }, h("tbody", {}, ...rows));
  }

  private rows(proof: Proof): HTMLElement {
    const { say } = this;
    const heads = (["row_name", "row_verdict", "row_found", "row_wanted"] as const).map((key) => h("th", { scope: "col" }, say(key)));
    const rows = inOrder(proof.checks).map((check) => {
      const mark = markOf(check);
      const key = rowKey(check.name);
      const name = say(key);
      return h(
        "tr",
        { class: `ex-row-${mark}`, "data-row": check.name },
        h("th", { scope: "row" }, name === key ? check.name : name),
        h("td", { "data-label": say("row_verdict") }, marked(mark, say(WORDS[mark]))),
        h("td", { "data-label": say("row_found") }, check.found),
        h("td", { "data-label": say("row_wanted"), class: "wb-quiet" }, check.wanted),
      );
    });
    return h("table", { class: "wb-table ex-table ex-checks" }, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows));
  }

  private log(found: Certificate): HTMLElement {
    const { say } = this;
    const lines = h("pre", { class: "ex-log", tabindex: 0, role: "log", "aria-live": "off", "aria-label": say("log_of", { words: found.words }) });
    const fold = h("details", { open: found.going }, h("summary", {}, say("log")), lines);
    const read = async () => {
      try {
        const { data } = await this.shell.rpc.ask<{ text: string }[]>("log", { export: found.id });
        lines.textContent = data.map(({ text }) => text).join("\n") || say("log_none");
        if (found.going) lines.scrollTop = lines.scrollHeight;
      } catch (error) {
        this.shell.fail(error);
      }
    };
    this.readLog = () => fold.open && void read();
    fold.addEventListener("toggle", this.readLog);
    this.readLog();
    return fold;
  }

  private files(found: Certificate): HTMLElement | null {
    const { say } = this;
    if (!found.files.length) return null;
    const take = button(say("download"), () => void this.download(found.id, take), { class: "wb-button wb-primary" });
    const list = h("ul", { class: "ex-files" }, ...found.files.map((file) => h("li", {}, h("code", {}, file.name), " ", h("span", { class: "wb-quiet" }, bytes(file.bytes)))));
    return h(
      "div",
      {},
      h("div", { class: "wb-toolbar" }, found.bundle ? take : h("span", { class: "wb-quiet" }, say("not_handed_out")), found.page ? button(say("whole"), () => void this.whole(found.id)) : null),
      h("details", {}, h("summary", {}, say("files")), h("p", { class: "wb-quiet ex-folder" }, h("code", {}, found.folder)), list),
    );
  }

  private load(id: string, proof: Proof): void {
    for (const { path } of proof.pictures) {
      const image = this.root.querySelector<HTMLImageElement>(`img[data-path="${CSS.escape(path)}"]`);
      this.shell.rpc.ask("picture", { export: id, path, side: PICTURE_PX }).then(
        ({ buffers }) => {
          if (!image?.isConnected || !buffers[0]) return;
          const address = URL.createObjectURL(new Blob([buffers[0] as DataView<ArrayBuffer>], { type: "image/jpeg" }));
          this.addresses.push(address);
          image.src = address;
        },
        (error: unknown) => image?.replaceWith(h("span", { class: "wb-quiet" }, error instanceof Error ? error.message : String(error))),
      );
    }
  }

  private async download(id: string, control: HTMLButtonElement): Promise<void> {
    const { say, shell } = this;
    control.disabled = true;
    shell.announce(say("downloading"));
    try {
      const { data, buffers, python } = await shell.rpc.ask<{ name: string }>("bundle", { export: id }, PATIENCE_MS);
      saved(buffers[0], data.name, "application/zip");
      shell.showPython(python);
      shell.announce(say("downloaded", { name: data.name }));
    } catch (error) {
      shell.fail(error);
    }
    control.disabled = false;
  }

  private async whole(id: string): Promise<void> {
    // Opened now: a browser lets a page open another one only while it is being clicked
    const tab = window.open("", "_blank");
    try {
      const { data, buffers, python } = await this.shell.rpc.ask<{ name: string }>("page", { export: id }, PATIENCE_MS);
      if (tab) shown(tab, buffers[0], data.name);
      else saved(buffers[0], data.name, "text/html");
      this.shell.showPython(python);
    } catch (error) {
      tab?.close();
      this.shell.fail(error);
    }
  }

  private forget(): void {
    for (const address of this.addresses.splice(0)) URL.revokeObjectURL(address);
  }
}
