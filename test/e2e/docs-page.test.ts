import { existsSync } from 'node:fs';
import { chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation, type Program } from '../support/program.ts';

const KEY = 'a-key-of-the-tests-0123456789';
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

describe('/docs', () => {
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    installation = await Installation.create({ settings: { ADMIN_KEY: KEY } });
    program = await installation.start();
  });
  afterAll(() => installation?.remove());

  it('is a page whose files all come from here, and that may load nothing from elsewhere', async () => {
    const page = await program.call<string>('/docs');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toBe(POLICY);
    const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file as string);
    const own = files.filter((file) => file !== 'data:,');
    expect(own).toEqual(expect.arrayContaining(['docs/swagger-ui.css', 'docs/swagger-ui-bundle.js', 'docs/start.js']));
    for (const file of own) {
      expect(file).not.toMatch(/^(https?:)?\/\//);
      const { status, headers, body } = await program.call<string>(`/${file}`);
      expect({ file, status }).toEqual({ file, status: 200 });
      if (!file.startsWith('docs/')) continue;
      expect(headers.get('content-security-policy')).toBe(POLICY);
      if (file.endsWith('.css')) expect(body).not.toMatch(/@import|url\(["']?(https?:)?\/\//);
    }
    expect((await program.call<string>('/docs/start.js')).body).toContain('validatorUrl: null');
  });

  it.each(['package.json', 'index.html', 'swagger-ui.js', '..%2fpackage.json', 'constructor'])(
    'serves nothing else of the package: %s',
    async (file) => {
      expect(await program.call(`/docs/${file}`)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    },
  );

  it.skipIf(CHROMIUM === undefined).each([
    [1440, 'light'],
    [390, 'dark'],
  ] as const)(
    'fits, asks nobody else, and calls with the key that is set: in Chromium, %i px, %s',
    async (width, colorScheme) => {
      const browser = await chromium.launch({ executablePath: CHROMIUM as string, args: ['--no-sandbox'] });
      try {
        const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
        const faults: string[] = [];
        const asked: string[] = [];
        page.on('console', (message) => void (message.type() === 'error' && faults.push(message.text())));
        page.on('pageerror', (error) => void faults.push(error.message));
        page.on('request', (request) => void asked.push(request.url()));
        await page.goto(`${program.url}/docs`);
        await page.click('.btn.authorize');
        await page.fill('.modal-ux input', KEY);
        await page.click('.modal-ux .authorize');
        await page.click('.modal-ux .btn-done');
        expect(await callStats(page)).toMatch(/^200/);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
        const isDark = await page.evaluate('document.documentElement.classList.contains("dark-mode")');
        expect(isDark).toBe(colorScheme === 'dark');
        expect(faults).toEqual([]);
        expect(asked.filter((url) => !url.startsWith(`${program.url}/`) && !url.startsWith('data:'))).toEqual([]);
      } finally {
        await browser.close();
      }
    },
  );
});

/** Tries the operation on the page. @returns the status of the answer, as it is shown */
async function callStats(page: Page): Promise<string> {
  await page.click('#operations-tag-Program');
  await page.click('#operations-Program-getStats .opblock-summary');
  await page.click('#operations-Program-getStats .execute');
  return page
    .locator('#operations-Program-getStats .live-responses-table tbody .response-col_status')
    .first()
    .innerText();
}
