// Looks at each page of a plan: axe-core with the tags of WCAG 2.2 AA, a strict policy that nothing breaks, 320 pixels
// and four times the size without scrolling sideways, what a cold visit weighs, and a picture.
//
//     node look.mjs PLAN.json
import { readFileSync, mkdirSync } from 'node:fs';
import { axeSource, launch, open, report } from './browser.mjs';

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const WEIGHT_MAX = 250_000;
mkdirSync(plan.pictures, { recursive: true });

const browser = await launch();
const faults = [];
let weight = 0;

for (const person of [...new Set(plan.pages.map((one) => one.cookie))]) {
  const strict = await open(browser, plan, person);
  const free = await open(browser, plan, person, { bypass: true });
  for (const one of plan.pages.filter((other) => other.cookie === person)) {
    const say = (text) => faults.push(`${one.name} (${one.path}): ${text}`);
    const url = plan.url + one.path;
    strict.faults.length = 0;
    await strict.page.setViewport({ width: 1280, height: 900 });
    const answer = await strict.page.goto(url, { waitUntil: 'load' });
    if (answer.status() !== one.status) { say(`status ${answer.status()}, and not ${one.status}`); }
    await strict.page.screenshot({ path: `${plan.pictures}/${one.name}.png`, fullPage: true });
    const size = await strict.page.evaluate(() => performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation')).reduce((sum, entry) => sum + entry.decodedBodySize, 0));
    weight = Math.max(weight, size);
    if (size > WEIGHT_MAX) { say(`${size} bytes`); }
    for (const width of [320, 1280 / 4]) {
      await strict.page.setViewport({ width, height: 640 });
      const wide = await strict.page.evaluate(() => {
        const most = document.documentElement.clientWidth;
        const out = [...document.querySelectorAll('body *')].filter((element) => !element.closest('.v-scroll') && !element.closest('.govuk-visually-hidden') && element.getBoundingClientRect().right > most + 1);
        return document.documentElement.scrollWidth > most ? out.slice(0, 3).map((element) => element.outerHTML.slice(0, 120)) : [];
      });
      if (wide.length) { say(`scrolls sideways at ${width}: ${wide.join(' | ')}`); }
    }
    strict.faults.forEach(say);
    await free.page.goto(url, { waitUntil: 'load' });
    await free.page.evaluate(axeSource);
    const found = await free.page.evaluate(async (tags) => (await window.axe.run(document, { runOnly: { type: 'tag', values: tags } })).violations
      .map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} [${node.any.concat(node.all).map((why) => why.message).join('; ').slice(0, 200)}]`).join(' | ')}`), TAGS);
    found.forEach(say);
    const ids = await free.page.evaluate(() => { const all = [...document.querySelectorAll('[id]')].map((one) => one.id); return all.filter((id, place) => all.indexOf(id) !== place); });
    if (ids.length) { say(`ids that are there twice: ${ids}`); }
  }
  await strict.close();
  await free.close();
}
await browser.close();
report(faults, { pages: plan.pages.length, heaviest: weight });
