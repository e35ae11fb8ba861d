// Opens pages of `--format html` from their files in headless Chromium, without a network, as people do: light
// and dark, wide and narrow, by keyboard, without JavaScript, on paper. Prints what is wrong as JSON, a list of
// texts for each page.
//
//   node page.cjs MODULES FOLDER LOOKS PAGE...
//
// MODULES is the folder with node_modules, FOLDER takes pictures, LOOKS are names of LOOKS, with commas between.
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");
const { pathToFileURL } = require("url");

const [modules, folder, wanted, ...pages] = process.argv.slice(2);
const load = createRequire(path.join(path.resolve(modules), "node_modules", "x.js"));
const { chromium } = load("playwright-core");
const { FileSystemConfigLoader, HtmlValidate } = load("html-validate");
const axe = fs.readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");

// WCAG 2 at A and AA in all its versions, and what is no law and yet good.
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const LOOKS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 800 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 800 } },
  { name: "light-narrow", colorScheme: "light", viewport: { width: 390, height: 844 } },
  { name: "dark-narrow", colorScheme: "dark", viewport: { width: 390, height: 844 } },
  // Twice as large in a window of 1280 pixels.
  { name: "zoomed", colorScheme: "light", viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 },
];

const overflow = () => {
  const root = document.documentElement;
  return root.scrollWidth > root.clientWidth ? `${root.scrollWidth} pixels wide in ${root.clientWidth}` : "";
};

// A context for a page, and what opens it anew in a look; all that it asks for or complains of is wrong.
const opener = async (browser, file, wrong, settings) => {
  const context = await browser.newContext({ offline: true, ...settings });
  const page = await context.newPage();
  const url = pathToFileURL(file).href;
  let name = "";
  page.on("request", (request) => {
    const own = request.url().split("#")[0];
    if (own !== url && own !== "data:,") {
      wrong.push(`${name}: asks for ${own}`);
    }
  });
  page.on("console", (message) => wrong.push(`${name}: ${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(`${name}: ${error}`));
  page.on("dialog", (dialog) => {
    wrong.push(`${name}: opens a dialog`);
    return dialog.dismiss();
  });
  const open = async (look) => {
    ({ name } = look);
    await page.emulateMedia({ media: null, colorScheme: look.colorScheme });
    if (look.viewport) {
      await page.setViewportSize(look.viewport);
    }
    await page.goto("about:blank");
    await page.goto(url, { waitUntil: "load" });
    return page;
  };
  return { context, open };
};

const judge = async (page, name, wrong) => {
  await page.evaluate(axe);
  const found = await page.evaluate(
    (rules) => globalThis.axe.run(document, { runOnly: { type: "tag", values: rules }, resultTypes: ["violations"] }),
    RULES,
  );
  for (const { id, help, nodes } of found.violations) {
    wrong.push(`${name}: axe: ${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(" ")}`);
  }
  if (found.passes.length === 0) {
    wrong.push(`${name}: axe judged nothing`);
  }
};

const shown = (page) => page.locator(".part:visible").count();

// Everything by keyboard alone, from the top of the page on.
const byKeyboard = async (page, name, wrong) => {
  const focused = () => page.evaluate(() => {
    const { id, name, dataset, className, localName } = document.activeElement;
    return id || name || dataset.copy || className || localName;
  });
  const expect = (what, is, should) => {
    if (JSON.stringify(is) !== JSON.stringify(should)) {
      wrong.push(`${name}: ${what}: ${JSON.stringify(is)}, should be ${JSON.stringify(should)}`);
    }
  };
  const to = async (wanted) => {
    for (let tabs = 0; tabs < 60; tabs += 1) {
      await page.keyboard.press("Tab");
      const at = await focused();
      const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      expect(`the focus on ${at}`, ring !== "none", true);
      if (at === wanted) {
        return true;
      }
    }
    wrong.push(`${name}: no Tab leads to ${wanted}`);
    return false;
  };
  const all = await shown(page);
  const parts = await page.locator(".part").count();
  expect("all are shown at first", all, parts);
  await page.keyboard.press("Tab");
  expect("the first Tab", await focused(), "skip");
  if (await page.locator("[data-copy=fix]").count()) {
    await to("fix");
    await page.keyboard.press("Enter");
    const status = page.locator("[data-copy=fix] + [role=status]");
    await status.filter({ hasText: /copied|selected/ }).waitFor({ timeout: 10_000 });
  }
  // A state that is not wanted, and wanted again.
  if (await to("s0")) {
    const state = await page.locator("#s0").inputValue();
    const own = await page.locator(`.part[data-state="${state}"]`).count();
    await page.keyboard.press("Space");
    expect(`without ${state}`, await shown(page), all - own);
    const seen = page.locator("#seen");
    expect("it is said", /shown|nothing/.test(await seen.innerText()), true);
    await page.keyboard.press("Space");
    expect(`with ${state} again`, await shown(page), all);
  }
  if (await to("search")) {
    const first = await page.locator(".part th[scope=row]:visible").first();
    const word = (await first.count()) ? await first.innerText() : "client";
    await page.keyboard.type(word);
    const hits = await shown(page);
    expect(`some have ${word}`, hits > 0, true);
    await page.keyboard.type(" no such text");
    expect("nothing has what is nowhere", await shown(page), 0);
    expect("that is said", await page.locator("#seen").innerText(), "nothing is like that");
    // Of hosts that are alike the one that is asked for.
    const names = page.locator(".names > li");
    if (await names.count()) {
      const name = await names.first().innerText();
      await page.keyboard.press("Control+A");
      await page.keyboard.type(name);
      expect(`only ${name} is named`, await page.locator(".names > li:visible").allInnerTexts(), [name]);
      expect("that is said", /^1 of \d+ hosts/.test(await page.locator("#seen").innerText()), true);
    }
    await page.keyboard.press("Control+A");
    await page.keyboard.press("Delete");
    expect("all are shown again", await shown(page), all);
  }
  const folds = page.locator(".part details");
  if ((await folds.count()) && (await to("unfold"))) {
    await page.keyboard.press("Enter");
    expect("all are unfolded", await page.locator(".part details:not([open])").count(), 0);
    await page.keyboard.press("Enter");
    expect("all are folded", await page.locator(".part details[open]").count(), 0);
    if (await to("summary")) {
      await page.keyboard.press("Enter");
      expect("one is unfolded", await page.locator(".part details[open]").count(), 1);
    }
  }
  const link = page.locator('.part a[href^="#d"]');
  if (await link.count()) {
    const target = await link.first().getAttribute("href");
    await link.first().focus();
    await page.keyboard.press("Enter");
    await page.locator(target).waitFor({ state: "visible", timeout: 10_000 });
  }
};

const withoutScript = async (page, name, wrong) => {
  if ((await shown(page)) !== (await page.locator(".part").count())) {
    wrong.push(`${name}: hides hosts`);
  }
  for (const dead of ["form", "button"]) {
    if (await page.locator(`${dead}:visible`).count()) {
      wrong.push(`${name}: shows a ${dead} that does nothing`);
    }
  }
  const folded = page.locator(".part details:not([open])");
  const before = await folded.count();
  if (before > 0) {
    await folded.first().locator("summary").click();
    if ((await folded.count()) !== before - 1) {
      wrong.push(`${name}: does not unfold`);
    }
  }
};

const onPaper = async (page, name, wrong) => {
  await page.emulateMedia({ media: "print" });
  if (await page.locator("form:visible, button:visible").count()) {
    wrong.push(`${name}: prints what only a screen has`);
  }
  const folded = page.locator(".part details > div, .part details > p");
  const unseen = await folded.evaluateAll((all) => all.filter((one) => !one.checkVisibility({ contentVisibilityAuto: true })).length);
  if (unseen > 0) {
    wrong.push(`${name}: prints ${unseen} folded`);
  }
};

const main = async () => {
  const validator = new HtmlValidate(new FileSystemConfigLoader({
    root: true,
    extends: ["html-validate:standard"],
    // The page is made to be small: blanks at the ends of lines and the form of void elements are taste.
    rules: { "no-trailing-whitespace": "off", "void-style": "off", "long-title": "off", "no-inline-style": "error" },
  }));
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    // The rig runs as root, in namespaces of its own.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  const result = {};
  for (const file of pages) {
    const wrong = [];
    const stem = path.basename(file, ".html");
    const report = await validator.validateString(fs.readFileSync(file, "utf8"), file);
    for (const { messages } of report.results) {
      wrong.push(...messages.slice(0, 10).map(({ ruleId, message, line }) => `markup: ${ruleId}: ${message} (line ${line})`));
    }
    // A context is dear: one for each scale.
    let shown = null;
    for (const look of LOOKS.filter(({ name }) => wanted.split(",").includes(name))) {
      const deviceScaleFactor = look.deviceScaleFactor ?? 1;
      if (shown?.deviceScaleFactor !== deviceScaleFactor) {
        await shown?.context.close();
        shown = { deviceScaleFactor, ...await opener(browser, file, wrong, { deviceScaleFactor }) };
      }
      const page = await shown.open(look);
      const wide = await page.evaluate(overflow);
      const diagonal = ["light", "dark-narrow"].includes(look.name);
      if (diagonal) {
        await page.screenshot({ path: path.join(folder, `${stem}-${look.name}.png`), fullPage: true });
      }
      if (look.name === "light") {
        await byKeyboard(page, look.name, wrong);
      }
      // With all that may be unfolded.
      const folds = await page.locator("#unfold").count();
      if (folds && (await page.locator(".part details:not([open])").count())) {
        await page.locator("#unfold").click();
      }
      const unfolded = await page.evaluate(overflow);
      if (wide || unfolded) {
        wrong.push(`${look.name}: ${wide || unfolded}`);
      }
      // Colours and widths do not depend on each other: the first page is judged in all ways, the rest in two.
      if (diagonal || file === pages[0]) {
        await judge(page, look.name, wrong);
      }
    }
    await shown?.context.close();
    const { context, open } = await opener(browser, file, wrong, { javaScriptEnabled: false });
    for (const [name, see] of [["no script", withoutScript], ["paper", onPaper]]) {
      await see(await open({ name }), name, wrong);
    }
    await context.close();
    result[stem] = wrong;
  }
  await browser.close();
  console.log(JSON.stringify(result));
};

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
