// What both scripts drive Chromium by. Everything that a page may not do is written down: what its security policy
// stopped, what failed to load, and what was written to the console.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const root = new URL('../../../', import.meta.url);
const tools = createRequire(new URL('.browser/package.json', root));
export const axeSource = readFileSync(tools.resolve('axe-core/axe.min.js'), 'utf8');

// Longer than anything takes on a busy machine.
const PATIENCE = 180_000;

export async function launch() {
  const puppeteer = (await import(pathToFileURL(tools.resolve('puppeteer-core')))).default;
  return puppeteer.launch({
    timeout: PATIENCE,
    executablePath: process.env.VIADUCT_CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none'],
  });
}

// A page of a browser of its own, with a person's cookie.
export async function open(browser, plan, cookie, { script = true, bypass = false, width = 1280 } = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.setDefaultNavigationTimeout(PATIENCE);
  const faults = [];
  page.on('console', (message) => {
    // That an answer was an error is what some pages are for.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) { faults.push(`console: ${message.text()}`); }
  });
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('requestfailed', (request) => {
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') { faults.push(`request: ${request.url()} ${request.failure()?.errorText}`); }
  });
  await page.setViewport({ width, height: 900 });
  await page.setJavaScriptEnabled(script);
  await page.setBypassCSP(bypass);
  if (cookie) {
    const [name, value] = cookie.split(/=(.*)/s);
    await context.setCookie({ name, value, domain: new URL(plan.url).hostname, path: '/', httpOnly: true, sameSite: 'Lax' });
  }
  return { page, faults, close: () => context.close() };
}

export function report(faults, seen) {
  process.stdout.write(JSON.stringify({ seen, faults }, null, 1));
  process.exit(faults.length ? 1 : 0);
}
