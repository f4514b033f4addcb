// From a file's path to a link that opens it in JupyterLab, where it lies below the folder that Lab serves.
import { h } from "../base/dom.ts";

export interface Served {
  root: string;
  base: string;
}

/** Return the folder that Lab serves, and its address; null elsewhere, e.g. in Voila. */
export function served(): Served | null {
  try {
    const text = document.getElementById("jupyter-config-data")?.textContent ?? "";
    const { serverRoot, baseUrl, appName } = JSON.parse(text) as { serverRoot?: string; baseUrl?: string; appName?: string };
    return serverRoot && baseUrl && appName === "JupyterLab" ? { root: serverRoot, base: baseUrl } : null;
  } catch {
    return null;
  }
}

/** Return a path relative to a root, with slashes; null when it is not below. `~` stands for `home`. */
export function below(path: string, root: string, home: string): string | null {
  const plain = (text: string) => text.replaceAll("\\", "/").replace(/\/+$/, "");
  const from = plain(root.startsWith("~") ? home + root.slice(1) : root);
  const full = plain(path);
  return full.startsWith(`${from}/`) ? full.slice(from.length + 1) : null;
}

/** Return a link that opens a file, or its path and a button that copies it. */
export function fileLink(path: string, home: string, label: string, words: { copy: string; copied: (path: string) => void }): HTMLElement {
  const lab = served();
  const relative = lab && below(path, lab.root, home);
  if (lab && relative !== null) {
    const href = `${lab.base}lab/tree/${relative.split("/").map(encodeURIComponent).join("/")}`;
    // Lab opens it beside the notebook that is open; without Lab's own listener it is a plain link.
    const command = { "data-commandlinker-command": "docmanager:open", "data-commandlinker-args": JSON.stringify({ path: relative }) };
    return h("a", { class: "bd-link", href, target: "_blank", rel: "noopener", title: path, ...command }, label);
  }
  const copy = h("button", { type: "button", class: "wb-button bd-small", click: () => void navigator.clipboard?.writeText(path).then(() => words.copied(path)) }, words.copy);
  return h("span", { class: "bd-path" }, h("code", { title: path }, h("bdi", {}, path)), copy);
}
