// Builds each widget's script and stylesheet into workbench/widgets/static, one file each, which are committed.
// `node build.mjs chart` builds one of them; `node build.mjs --check` says instead whether what lies there is what these sources give.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "..", "workbench", "widgets", "static");
const LARGEST_BYTES = 150_000;
const widgets = readdirSync(join(here, "src"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(here, "src", entry.name, "index.ts")))
  .map((entry) => entry.name);
const named = process.argv.slice(2).filter((word) => !word.startsWith("-"));

const points = widgets.filter((name) => !named.length || named.includes(name)).flatMap((name) => [
  { in: join(here, "src", name, "index.ts"), out: name },
  { in: join(here, "src", name, `${name}.css`), out: name },
]);
const made = await build({
  absWorkingDir: here,
  entryPoints: points,
  outdir: target,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "inline",
  charset: "utf8",
  write: false,
  logLevel: "warning",
});

const faults = [];
mkdirSync(target, { recursive: true });
for (const file of made.outputFiles) {
  const name = file.path.slice(target.length + 1);
  if (file.contents.length > LARGEST_BYTES) faults.push(`${name} has ${file.contents.length} bytes: at most ${LARGEST_BYTES}.`);
  if (/(?:import|from)\s*\(?["']https?:|url\(\s*["']?https?:/.test(file.text)) faults.push(`${name} loads from elsewhere.`);
  const there = existsSync(file.path) ? readFileSync(file.path, "utf8") : "";
  if (there === file.text) continue;
  if (process.argv.includes("--check")) faults.push(`${name} is not what its sources give: make widgets`);
  else writeFileSync(file.path, file.text);
}
if (faults.length) {
  console.error(faults.join("\n"));
  process.exitCode = 1;
}
