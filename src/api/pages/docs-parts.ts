/** The page at `/docs`. Its addresses are relative: it may be served below a path of a proxy. */
export const DOCS_HTML = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="robots" content="noindex">
    <title>Longshore API</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="docs/swagger-ui.css">
    <link rel="stylesheet" href="docs/page.css">
  </head>
  <body>
    <noscript>This page needs JavaScript. The document itself: <a href="v1/openapi.json">v1/openapi.json</a>.</noscript>
    <main id="api"></main>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;

/** A key that is typed in stays in the memory of the page. */
export const DOCS_SCRIPT = `'use strict';
const dark = matchMedia('(prefers-color-scheme: dark)');
const paint = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', paint);
paint();
SwaggerUIBundle({
  url: new URL('v1/openapi.json', document.baseURI).href,
  dom_id: '#api',
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  docExpansion: 'none',
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  requestSnippetsEnabled: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
`;

/** Swagger UI is made for wide screens: long paths and tables may otherwise not be read on a narrow one. */
export const DOCS_STYLE = `html { color-scheme: light dark; }
body { margin: 0; background: #fff; }
html.dark-mode body { background: #1c2022; }
.swagger-ui .opblock .opblock-summary-path { max-width: none; word-break: break-word; }
@media (max-width: 640px) {
  .swagger-ui .wrapper, .swagger-ui .scheme-container .schemes { padding: 0 12px; }
  .swagger-ui .opblock-tag small { display: none; }
  .swagger-ui .opblock .opblock-summary, .swagger-ui .opblock .opblock-section-header { flex-wrap: wrap; }
  .swagger-ui .opblock .opblock-summary-description { flex-basis: 100%; }
  .swagger-ui table, .swagger-ui tbody, .swagger-ui tr, .swagger-ui td { display: block; max-width: 100%; }
  .swagger-ui table thead { display: none; }
  .swagger-ui table tbody tr td { min-width: 0; padding: 4px 0; }
  .swagger-ui input, .swagger-ui select, .swagger-ui textarea { box-sizing: border-box; min-width: 0; max-width: 100%; }
  .swagger-ui .parameters-col_description input, .swagger-ui .parameter__name { width: auto; }
  .swagger-ui pre, .swagger-ui .highlight-code, .swagger-ui .model-box { max-width: 100%; overflow-x: auto; }
  .swagger-ui .modal-ux { min-width: 0; width: 94vw; }
}
`;
