// Colours: those of the page the widget stands in, and those of data.

/** Okabe and Ito's palette, which colour-blind people can tell apart (Okabe & Ito 2008), without its black. */
export const PALETTE = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b3a100"] as const;

/** Dashes in CSS pixels, so that lines can be told apart without colour as well. */
export const DASHES: readonly number[][] = [[], [6, 3], [2, 3], [9, 3, 2, 3], [12, 4], [4, 2, 1, 2]];

/** Return the colour and the dash of the n-th line: all colours once, then all again with the next dash. */
export function lineStyle(index: number): { color: string; dash: number[] } {
  const color = PALETTE[index % PALETTE.length] ?? PALETTE[0];
  const dash = DASHES[Math.floor(index / PALETTE.length) % DASHES.length] ?? [];
  return { color, dash };
}

/** Return what a CSS variable is at an element, e.g. for a canvas, which knows no variables. */
export function cssColor(element: Element, variable: string, fallback: string): string {
  return getComputedStyle(element).getPropertyValue(variable).trim() || fallback;
}

/** Call back whenever the page's theme becomes another one; returns what ends it. */
export function onTheme(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  for (const element of [document.body, document.documentElement]) {
    observer.observe(element, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
  }
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", changed);
  // Lab says that the theme is another one before its stylesheet is there.
  const loaded = (event: Event) => event.target instanceof HTMLLinkElement && changed();
  document.addEventListener("load", loaded, true);
  return () => {
    observer.disconnect();
    document.removeEventListener("load", loaded, true);
    media.removeEventListener("change", changed);
  };
}

/** Whether movements should be left out. */
export function isStill(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
