// What every widget stands in: a named region, a place for problems, an announcer, and the equal Python line.
import { button, h, replace } from "./dom.ts";
import { Problem, Rpc, Silence, type Model } from "./rpc.ts";
import { language, speaker, type Say } from "./texts.ts";

const TEXTS = {
  dismiss: { en: "Dismiss", ko: "닫기" },
  python: { en: "The same in Python", ko: "같은 작업의 Python 코드" },
  copy: { en: "Copy", ko: "복사" },
  copied: { en: "Copied.", ko: "복사했습니다." },
  silent: {
    en: "The kernel does not answer: it is busy, or was restarted. Run the cell again when it is idle.",
    ko: "커널이 응답하지 않습니다. 실행 중이거나 재시작되었습니다. 유휴 상태가 되면 셀을 다시 실행하세요.",
  },
  again: { en: "Try again", ko: "다시 시도" },
} as const;

type Told = Pick<Problem, "happened" | "expected" | "todo">;

/** A widget's frame on the page. */
export class Shell {
  readonly rpc: Rpc;
  readonly root: HTMLElement;
  readonly body: HTMLElement;
  readonly lang: "en" | "ko";
  readonly readonly: boolean;
  private readonly problems: HTMLElement;
  private readonly announcer: HTMLElement;
  private readonly line: HTMLElement;
  private readonly say: Say<keyof typeof TEXTS>;
  private readonly endings: (() => void)[] = [];
  private readonly waiting: (() => void)[] = [];
  private pressed = false;

  /** Build the frame inside of `el`; `label` names the region for those who do not see it. */
  constructor(model: Model, el: HTMLElement, name: string, label: (lang: "en" | "ko") => string) {
    this.rpc = new Rpc(model);
    this.lang = language(model.get("lang"));
    this.readonly = Boolean(model.get("readonly"));
    this.say = speaker(TEXTS, this.lang);
    this.problems = h("div", { class: "wb-problems", role: "alert" });
    this.announcer = h("div", { class: "wb-hidden", "aria-live": "polite", role: "status" });
    this.line = h("div", { class: "wb-python", hidden: true });
    this.body = h("div", { class: "wb-body" });
    this.root = h(
      "section",
      { class: `wb-widget wb-${name}`, "aria-label": label(this.lang), lang: this.lang },
      this.problems,
      this.body,
      this.line,
      this.announcer,
    );
    // Lab's own shortcuts are letters: they must not reach it from a field or a grid.
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
    el.append(this.root);
    this.watchPresses();
    // What looks for news in the kernel says when it cannot, and when it can again.
    this.rpc.on<Told>("ill", (told) => this.fail(new Problem(told.happened, told.expected, told.todo)));
    this.rpc.on("well", () => this.clear());
    // Lab says at once that a kernel was restarted under an open widget.
    const gone = () => this.fail(new Silence(""));
    model.on("comm_live_update", gone);
    this.atEnd(() => model.off("comm_live_update", gone));
  }

  /** Do something at the end of the view. */
  atEnd(ending: () => void): void {
    this.endings.push(ending);
  }

  /**
   * Draw something anew as soon as no pointer is pressed on the widget. A browser makes a click of pressing and letting
   * go of one element: were it replaced in between, the click would be lost.
   */
  steady(deed: () => void): void {
    if (this.pressed) this.waiting.push(deed);
    else deed();
  }

  private watchPresses(): void {
    this.root.addEventListener("pointerdown", () => (this.pressed = true), { capture: true });
    // The click itself comes after `pointerup`, in the same turn of the loop.
    const free = () =>
      setTimeout(() => {
        this.pressed = false;
        for (const deed of this.waiting.splice(0)) deed();
      });
    // A menu, or dragging, takes the pointer away without `pointerup`; Lab's own menu lets its event go no further, so
    // that it is caught on its way in. Of `blur` only the window's own counts, not those of fields on their way in.
    for (const end of ["pointerup", "pointercancel", "contextmenu", "dragend", "blur"]) {
      const capture = end !== "blur";
      window.addEventListener(end, free, { capture });
      this.atEnd(() => window.removeEventListener(end, free, { capture }));
    }
  }

  /** Say something to those who do not see the screen. */
  announce(text: string): void {
    this.announcer.textContent = text;
  }

  /** Show the Python line that does what was just done by hand. */
  showPython(code: string): void {
    if (!code) return;
    const copied = () => void navigator.clipboard?.writeText(code).then(() => this.announce(this.say("copied")));
    this.line.hidden = false;
    replace(this.line, h("span", { class: "wb-python-label" }, this.say("python")), h("code", {}, code), button(this.say("copy"), copied));
  }

  /** Show what went wrong; it stays until it is dismissed, or `again` succeeds. */
  fail(error: unknown, again?: () => void): void {
    const silent = error instanceof Silence;
    const told = error instanceof Problem ? error : new Problem(String(error));
    const beats = silent ? [this.say("silent")] : [told.happened, told.expected, told.todo].filter(Boolean);
    const box: HTMLElement = h(
      "div",
      { class: "wb-problem" },
      ...beats.map((beat, place) => h("p", { class: place ? "wb-beat" : "wb-happened" }, beat)),
      again ? button(this.say("again"), () => (box.remove(), again())) : null,
      button(this.say("dismiss"), () => box.remove()),
    );
    const same = [...this.problems.children].find((child) => child.firstChild?.textContent === beats[0]);
    if (same) same.replaceWith(box);
    else this.problems.append(box);
  }

  /** Take all problems away, e.g. when the kernel answers again. */
  clear(): void {
    this.problems.replaceChildren();
  }

  /** Ask the kernel, and show what goes wrong; resolves with null then. */
  async do<Data>(kind: string, body: Record<string, unknown> = {}): Promise<Data | null> {
    try {
      const reply = await this.rpc.ask<Data>(kind, body);
      this.showPython(reply.python);
      return reply.data;
    } catch (error) {
      this.fail(error);
      return null;
    }
  }

  /** End the view. */
  dispose(): void {
    for (const ending of this.endings) ending();
    this.rpc.dispose();
    this.root.remove();
  }
}
