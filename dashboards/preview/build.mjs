// Bundles the page into the folder page/ beside the sources: script, icons and fonts, nothing from elsewhere.
import { build } from 'esbuild';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';

const modules = 'node_modules';
const page = 'page';
// Grafana's style sheet asks for these names; the package has them under its own.
const fonts = { 'Inter-Regular': 'inter-latin-400-normal', 'Inter-Medium': 'inter-latin-500-normal' };

mkdirSync(`${page}/public/fonts/inter`, { recursive: true });
writeFileSync('empty.mjs', 'export default {};\n');
await build({
  entryPoints: ['src/main.tsx'],
  bundle: true,
  outfile: `${page}/preview.js`,
  format: 'iife',
  platform: 'browser',
  target: 'chrome120',
  minify: true,
  legalComments: 'none',
  jsx: 'automatic',
  define: { global: 'window', 'process.env.NODE_ENV': '"production"' },
  // Of Node, named by parts of @grafana/ui that no panel uses.
  alias: Object.fromEntries(['fs', 'path', 'crypto', 'stream', 'util', 'module'].map((name) => [name, './empty.mjs'])),
  loader: { '.svg': 'text', '.woff': 'file', '.woff2': 'file', '.ttf': 'file' },
  logLevel: 'warning',
});
cpSync(`${modules}/@grafana/ui/dist/public/img`, `${page}/public/build/img`, { recursive: true });
for (const [name, file] of Object.entries(fonts)) {
  cpSync(`${modules}/@fontsource/inter/files/${file}.woff2`, `${page}/public/fonts/inter/${name}.woff2`);
}
// Known before anything is measured in it.
const faces = Object.entries({ 400: 'Inter-Regular', 500: 'Inter-Medium' })
  .map(([weight, name]) => `      @font-face { font-family: Inter; font-weight: ${weight}; src: url(/public/fonts/inter/${name}.woff2) format('woff2'); }`)
  .join('\n');
writeFileSync(
  `${page}/index.html`,
  `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width" />
    <title>Preview</title>
    <link rel="stylesheet" href="/preview.css" />
    <style>
${faces}
    </style>
    <script>window.__grafana_public_path__ = '/public/';</script>
  </head>
  <body style="margin: 0">
    <div id="dashboard"></div>
    <script src="/preview.js"></script>
  </body>
</html>
`
);
