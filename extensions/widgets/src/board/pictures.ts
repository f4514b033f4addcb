// The pictures that a run kept: small ones side by side, one of them large.
import { button, h, replace } from "../base/dom.ts";
import type { PicturesAnswer } from "./detail_types.ts";
import { ask, sayNothing, type Context, type Part } from "./part.ts";

type Picture = PicturesAnswer["pictures"][number];
const SMALL_PX = 320;
const LARGE_PX = 1600;

export class Pictures implements Part {
  readonly root = h("div", { class: "bd-part" });
  readonly reads = ["media"];
  readonly pace_ms = 2000;
  private readonly large = h("div", { class: "bd-large", hidden: true });
  private readonly addresses: string[] = [];
  private pictures: Picture[] = [];
  private known = "";
  private ended = false;
  private readonly seen = new IntersectionObserver((entries) => this.appear(entries), { rootMargin: "200px" });
  private readonly wanted = new Map<Element, () => void>();

  refresh(context: Context): void {
    ask<PicturesAnswer>(context, this.root, "pictures", {}, (answer, _, python) => {
      const known = JSON.stringify(answer.pictures);
      if (known === this.known) return;
      this.known = known;
      this.pictures = answer.pictures;
      if (python) context.shell.showPython(python);
      if (!this.pictures.length) return sayNothing(this.root, context.speaking.say("d_no_pictures"));
      const left = answer.left_out ? h("p", { class: "wb-quiet" }, context.speaking.say("d_left_out", { n: answer.left_out })) : null;
      replace(this.root, this.large, h("div", { class: "bd-pictures" }, ...this.pictures.map((one, place) => this.small(one, place, context))), left);
    });
  }

  dispose(): void {
    this.ended = true;
    this.seen.disconnect();
    for (const address of this.addresses) URL.revokeObjectURL(address);
  }

  private small(picture: Picture, place: number, context: Context): HTMLElement {
    const { say } = context.speaking;
    const name = picture.step === null ? picture.name : say("d_picture_at", { name: picture.name, step: picture.step });
    const image = h("img", { alt: name, class: "bd-thumb" });
    const frame = h("button", { type: "button", class: "bd-picture", click: () => this.enlarge(place, context) }, image, h("span", { class: "bd-caption" }, name));
    this.wanted.set(frame, () => void this.load(picture.path, SMALL_PX, image, context));
    this.seen.observe(frame);
    return frame;
  }

  private appear(entries: IntersectionObserverEntry[]): void {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      this.seen.unobserve(entry.target);
      this.wanted.get(entry.target)?.();
      this.wanted.delete(entry.target);
    }
  }

  private async load(path: string, side: number, image: HTMLImageElement, context: Context): Promise<void> {
    try {
      const { buffers } = await context.shell.rpc.ask("picture", { run: context.facts.run.id, path, side });
      const data = buffers[0];
      if (!data || this.ended) return;
      const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
      const address = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
      this.addresses.push(address);
      image.src = address;
    } catch (error) {
      image.replaceWith(h("span", { class: "wb-quiet bd-thumb" }, error instanceof Error ? error.message : String(error)));
    }
  }

  private enlarge(place: number, context: Context): void {
    const { say } = context.speaking;
    const picture = this.pictures[place];
    if (!picture) return;
    const image = h("img", { alt: picture.name });
    const close = () => {
      this.large.hidden = true;
      this.root.querySelectorAll<HTMLElement>(".bd-picture")[place]?.focus();
    };
    const bar = h(
      "div",
      { class: "wb-toolbar" },
      button(say("d_before"), () => this.enlarge(place - 1, context), { disabled: place === 0 }),
      button(say("d_after"), () => this.enlarge(place + 1, context), { disabled: place === this.pictures.length - 1 }),
      h("span", { class: "bd-caption" }, picture.name),
      button(say("close"), close),
    );
    this.large.hidden = false;
    this.large.onkeydown = (event) => {
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (event.key === "Escape") {
        event.stopPropagation();
        close();
      } else if (step && this.pictures[place + step]) this.enlarge(place + step, context);
    };
    replace(this.large, bar, image);
    (bar.querySelector("button:not(:disabled)") as HTMLElement | null)?.focus();
    void this.load(picture.path, LARGE_PX, image, context);
  }
}
