// What people do, from sign-in to the end: by keyboard alone, and with JavaScript off.
//
//     node journeys.mjs PLAN.json
import { readFileSync } from 'node:fs';
import { launch, open, report } from './browser.mjs';

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const browser = await launch();
const faults = [];
const done = [];

// A person at the keyboard: everything is reached by Tab and done by Enter and Space.
class Hands {
  constructor(page) { this.page = page; }

  async focused() {
    return this.page.evaluate(() => {
      const at = document.activeElement;
      const label = at.labels && at.labels[0] ? at.labels[0].textContent : '';
      const seen = at === document.body ? null : at.getBoundingClientRect();
      return { words: `${at.textContent || ''} ${label} ${at.value && at.tagName === 'BUTTON' ? at.value : ''}`.replace(/\s+/g, ' ').trim(), tag: at.tagName, id: at.id, type: at.type || '', size: seen ? Math.min(seen.width, seen.height) : 0 };
    });
  }

  // Tab until something of these words, or of that id, has the focus.
  async reach(wanted) {
    const isId = await this.page.evaluate((id) => document.getElementById(id) !== null, wanted);
    for (let times = 0; times < 250; times += 1) {
      await this.page.keyboard.press('Tab');
      const at = await this.focused();
      if (isId ? at.id === wanted : (['A', 'BUTTON', 'SUMMARY', 'INPUT'].includes(at.tag) && at.words.includes(wanted))) {
        if (at.size < 15 && at.type !== 'radio' && at.type !== 'checkbox') { throw new Error(`"${wanted}" is ${at.size} pixels large on ${this.page.url()}`); }
        return at;
      }
    }
    throw new Error(`the keyboard never comes to "${wanted}" on ${this.page.url()}`);
  }

  async type(field, text) { await this.reach(field); await this.page.keyboard.type(text); }

  async press(words) {
    await this.reach(words);
    await Promise.all([this.page.waitForNavigation({ waitUntil: 'load' }), this.page.keyboard.press('Enter')]);
  }

  // Of a group of radios one is reached by Tab, and the others by arrows.
  async choose(id) {
    const group = await this.page.evaluate((wanted) => { const at = document.getElementById(wanted); return at && at.type === 'radio' ? at.name : ''; }, id);
    if (!group) { await this.reach(id); await this.page.keyboard.press('Space'); return; }
    for (let times = 0; times < 250; times += 1) {
      await this.page.keyboard.press('Tab');
      if (await this.page.evaluate((name) => document.activeElement.name === name && document.activeElement.type === 'radio', group)) { break; }
    }
    for (let times = 0; times < 30; times += 1) {
      if ((await this.focused()).id === id) { await this.page.keyboard.press('Space'); return; }
      await this.page.keyboard.press('ArrowDown');
    }
    throw new Error(`the keyboard never comes to "${id}" on ${this.page.url()}`);
  }

  async open(words) { await this.reach(words); await this.page.keyboard.press('Enter'); }
}

// The same with a mouse and without JavaScript.
class Mouse {
  constructor(page) { this.page = page; }

  async type(field, text) { await this.page.type(`#${field}`, text); }

  async press(words) {
    const found = await this.page.$$('a, button');
    for (const one of found) {
      if (!(await one.boundingBox())) { continue; }
      const text = await (await one.getProperty('textContent')).jsonValue();
      if (text.replace(/\s+/g, ' ').includes(words)) {
        await Promise.all([this.page.waitForNavigation({ waitUntil: 'load' }), one.click()]);
        return;
      }
    }
    throw new Error(`there is no "${words}" on ${this.page.url()}`);
  }

  async choose(id) { await this.page.click(`#${id}`); }

  async open(words) {
    for (const one of await this.page.$$('summary')) {
      const text = await (await one.getProperty('textContent')).jsonValue();
      if (text.includes(words)) { await one.click(); return; }
    }
    throw new Error(`there is no "${words}" to open on ${this.page.url()}`);
  }
}

async function says(page, text) {
  const words = await page.$eval('main', (main) => main.textContent.replace(/\s+/g, ' '));
  if (!words.includes(text)) { throw new Error(`"${text}" does not stand on ${page.url()}: ${words.slice(0, 400)}`); }
}

async function signIn(who, page, name) {
  await page.goto(`${plan.url}/`, { waitUntil: 'load' });
  await who.type('name', name);
  await who.type('password', plan.password);
  await who.type('code', plan.code);
  await who.press('Sign in');
}

// A step is a word and what it is about.
async function journey(name, steps, { script, person }) {
  const { page, faults: own, close } = await open(browser, plan, null, { script });
  const who = script ? new Hands(page) : new Mouse(page);
  const way = script ? 'by keyboard' : 'without JavaScript';
  try {
    await signIn(who, page, person);
    for (const [word, ...about] of steps) {
      if (word === 'press') { await who.press(about[0]); }
      else if (word === 'type') { await who.type(about[0], about[1]); }
      else if (word === 'choose') { await who.choose(about[0]); }
      else if (word === 'open') { await who.open(about[0]); }
      else if (word === 'says') { await says(page, about[0]); }
      else if (word === 'until') {
        for (let times = 0; ; times += 1) {
          try { await says(page, about[0]); break; } catch (error) {
            if (times > 1500) { throw error; }
            await page.reload({ waitUntil: 'load' });
          }
        }
      } else { throw new Error(`no such step: ${word}`); }
    }
    await who.press('Sign out');
    await says(page, 'You are signed out');
    done.push(`${name}, ${way}`);
  } catch (error) {
    faults.push(`${name}, ${way}: ${error.message}`);
  }
  own.forEach((fault) => faults.push(`${name}, ${way}: ${fault}`));
  await close();
}

for (const one of plan.journeys) { await journey(one.name, one.steps, one); }
await browser.close();
report(faults, done);
