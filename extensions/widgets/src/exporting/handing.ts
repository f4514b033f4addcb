// Handing bytes out of the page: as a file, or as a page that can run nothing.
import { h } from "../base/dom.ts";

const KEPT_MS = 60_000;

/** Save bytes as a file. */
export function saved(data: DataView | undefined, name: string, type: string): void {
  const address = addressOf(data, type);
  h("a", { href: address, download: name }).click();
}

/**
 * Show a page in a tab that was opened for it. It stands in a frame without rights: the tab itself has those of the
 * page that opened it, which is a person's Jupyter.
 */
export function shown(tab: Window, data: DataView | undefined, name: string): void {
  const { document: page } = tab;
  page.title = name;
  page.body.style.margin = "0";
  const frame = page.createElement("iframe");
  frame.setAttribute("sandbox", "");
  frame.title = name;
  frame.style.cssText = "border:0;width:100vw;height:100vh;display:block";
  frame.srcdoc = new TextDecoder().decode(data);
  page.body.append(frame);
}

function addressOf(data: DataView | undefined, type: string): string {
  const bytes = data ? new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength).slice() : new Uint8Array();
  const address = URL.createObjectURL(new Blob([bytes], { type }));
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
  return address;
}
