// Words of the interface, in English and Korean.

export type Catalogue = Record<string, { en: string; ko: string }>;
export type Say<Key extends string> = (key: Key, values?: Record<string, string | number>) => string;

/** Return the language to speak: what the widget was told, else the page's or the browser's. */
export function language(told: unknown): "en" | "ko" {
  if (told === "en" || told === "ko") return told;
  const wanted = [document.documentElement.lang, ...navigator.languages].find(Boolean) ?? "en";
  return wanted.toLowerCase().startsWith("ko") ? "ko" : "en";
}

/** Return what says a text of a catalogue in a language, with `{name}` filled in. */
export function speaker<Texts extends Catalogue>(texts: Texts, lang: "en" | "ko"): Say<keyof Texts & string> {
  return (key, values = {}) =>
    (texts[key]?.[lang] ?? key).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? `{${name}}`));
}
