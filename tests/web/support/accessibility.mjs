// What a machine can check of WCAG 2.2 A and AA; axe-core knows the rules.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// The rules that the page breaks, with the elements that break them.
export async function accessibilityProblems(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  return violations.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map((node) => node.target).join(", ")})`);
}

// On a phone nothing may be wider than the screen, and what is tapped is at least 24 pixels high (WCAG 2.5.8).
export async function layoutProblems(page) {
  return page.evaluate(() => {
    const problems = [];
    if (document.documentElement.scrollWidth > window.innerWidth) problems.push("the page scrolls sideways");
    for (const element of document.querySelectorAll("button, input, label.method, a")) {
      const { width, height } = element.getBoundingClientRect();
      // A label is as good as its input, and a link within a sentence is as high as the sentence.
      const isExempt = element.matches("label input, .check input, .skip, .article-body a");
      if (width > 0 && height < 24 && !isExempt) problems.push(`${element.id || element.textContent} is ${height} px high`);
    }
    return problems;
  });
}
