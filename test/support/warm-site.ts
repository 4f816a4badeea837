import type { RequestListener } from 'node:http';
import { gzipSync } from 'node:zlib';

/** A shop behind a cache: a page is a MISS at first, and a HIT from then on. */
export function serveShop(origin: () => string): { listener: RequestListener; fetched: string[] } {
  const fetched: string[] = [];
  const products = [1, 2, 3].map((product) => `/products/${product}`);
  const pages = ['/', '/tea', '/about', '/private/admin', ...products];
  const files: Record<string, () => string | Uint8Array> = {
    '/robots.txt': () => 'User-agent: *\nDisallow: /private/\n',
    '/sitemap.xml': () =>
      `<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
        <sitemap><loc>${origin()}/products.xml.gz</loc></sitemap><sitemap><loc>${origin()}/pages.xml</loc></sitemap>
      </sitemapindex>`,
    '/products.xml.gz': () => gzipSync(formatUrls(products.map((path) => origin() + path))),
    '/pages.xml': () => formatUrls(['/about', '/private/admin'].map((path) => origin() + path)),
  };
  const listener: RequestListener = (request, response) => {
    const path = request.url ?? '';
    const file = files[path];
    if (file) response.end(file());
    else if (!pages.includes(path)) response.writeHead(404).end();
    else {
      const isCached = fetched.includes(path);
      fetched.push(path);
      response.writeHead(200, {
        'content-type': 'text/html',
        'cache-control': 'public, max-age=60',
        'x-cache': isCached ? 'HIT' : 'MISS',
        ...(isCached ? { age: '1' } : {}),
      });
      response.end(`<h1>${path}</h1>`);
    }
  };
  return { listener, fetched };
}

function formatUrls(urls: readonly string[]): string {
  const list = urls.map((url) => `<url><loc>${url}</loc></url>`).join('');
  return `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">${list}</urlset>`;
}
