// Builds dist/: vgp.js (static pages), vgp.esm.js (anywidget) and vgp.css; slides.js and slides.css
// (pages that are presented), with reveal.js and its licence.
import { copyFileSync } from "node:fs";
import { build } from "esbuild";

const shared = {
  bundle: true,
  minify: true,
  target: "es2022",
  legalComments: /** @type {const} */ ("none"),
  logLevel: /** @type {const} */ ("warning"),
};

await build({ ...shared, entryPoints: ["src/host.js"], format: "iife", outfile: "dist/vgp.js" });
await build({
  ...shared,
  entryPoints: ["src/index.js"],
  format: "esm",
  outfile: "dist/vgp.esm.js",
});
await build({ ...shared, entryPoints: ["src/style.css"], outfile: "dist/vgp.css" });
await build({
  ...shared,
  entryPoints: ["src/slides/slides.js"],
  format: "iife",
  globalName: "vgpSlides",
  outfile: "dist/slides.js",
});
await build({ ...shared, entryPoints: ["src/slides/slides.css"], outfile: "dist/slides.css" });
copyFileSync("node_modules/reveal.js/LICENSE", "dist/reveal.LICENSE");
