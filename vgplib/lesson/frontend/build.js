// Builds dist/: vgp.js (static pages), vgp.esm.js (anywidget) and vgp.css.
import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// Observable Plot refers to all of d3's map projections and colour schemes. The bench draws
// neither, so they are left out: every name they export becomes a function that does nothing.
const leftOut = {
  name: "left-out",
  setup(/** @type {import("esbuild").PluginBuild} */ build) {
    const require = createRequire(import.meta.resolve("@observablehq/plot"));
    build.onResolve({ filter: /^d3-(geo|scale-chromatic)$/ }, ({ path }) => ({
      path,
      namespace: "left-out",
    }));
    build.onLoad({ filter: /.*/, namespace: "left-out" }, async ({ path }) => {
      const names = Object.keys(await import(pathToFileURL(require.resolve(path)).href));
      const lines = names.map((name) => `export { nothing as ${name} };`);
      return { contents: ["const nothing = () => {};", ...lines].join("\n") };
    });
  },
};

const shared = {
  bundle: true,
  minify: true,
  target: "es2022",
  legalComments: /** @type {const} */ ("none"),
  logLevel: /** @type {const} */ ("warning"),
};
const scripts = { ...shared, plugins: [leftOut] };

const page = await build({
  ...scripts,
  entryPoints: ["src/host.js"],
  format: "iife",
  outfile: "dist/vgp.js",
  metafile: true,
});
await build({
  ...scripts,
  entryPoints: ["src/index.js"],
  format: "esm",
  outfile: "dist/vgp.esm.js",
});
await build({ ...shared, entryPoints: ["src/style.css"], outfile: "dist/vgp.css" });

// The bundles contain other people's work; their licences ask to go with it.
const found = Object.keys(page.metafile.inputs).map(
  (path) => /^node_modules\/((@[^/]+\/)?[^/]+)/.exec(path)?.[1],
);
const packages = [...new Set(found)].filter((name) => name !== undefined).sort();
const licences = packages.map(async (name) => {
  const text = await readFile(`node_modules/${name}/LICENSE`, "utf8");
  return `${name}\n\n${text.trim()}\n`;
});
await writeFile("dist/LICENSES.txt", (await Promise.all(licences)).join("\n---\n\n"));
