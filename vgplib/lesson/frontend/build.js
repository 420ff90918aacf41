// Builds dist/: vgp.js (static pages), vgp.esm.js (anywidget) and vgp.css.
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
