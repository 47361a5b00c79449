// The page of `lic bench --report` in a real browser. See run.sh.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const PAGE = pathToFileURL(process.env.REPORT).href;
const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

let browser;
before(async () => {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  // Each launch has a user data folder of its own.
  browser = await chromium.launch({ executablePath, args: ARGS });
});
after(() => browser?.close());

/** Opens the page; what it says and asks for is kept. */
async function open(width, height, colorScheme = "light") {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (url !== PAGE && !url.startsWith("data:")) problems.push(`asked for ${url}`);
  });
  await page.goto(PAGE);
  await page.waitForSelector("#chart canvas");
  return { page, problems, close: () => context.close() };
}

/** A digest of what the plot's canvas shows, once it is drawn. */
async function curves(page) {
  const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  await page.evaluate(frames);
  const data = await page.$eval("#chart canvas", (canvas) => canvas.toDataURL());
  return createHash("sha256").update(data).digest("hex");
}
const scales = (page) =>
  page.evaluate(() => ["x", "y"].map((s) => [CHART.plot.scales[s].min, CHART.plot.scales[s].max]));

/** Two fingers about the middle of the plot, `from` and then `to` of its width from it. */
async function pinch(page, from, to) {
  await page.evaluate(([from, to]) => {
    const target = CHART.plot.over;
    const box = target.getBoundingClientRect();
    const finger = (identifier, part) => {
      const clientX = box.left + box.width * (0.5 + part);
      return new Touch({ identifier, target, clientX, clientY: box.top + box.height / 2 });
    };
    const fingers = (type, part) => {
      const touches = [finger(0, -part), finger(1, part)];
      target.dispatchEvent(new TouchEvent(type, { touches, cancelable: true, bubbles: true }));
    };
    fingers("touchstart", from);
    fingers("touchmove", to);
  }, [from, to]);
}

async function plotBox(page) {
  const over = page.locator("#chart .u-over");
  await over.scrollIntoViewIfNeeded();
  return over.boundingBox();
}

for (const [width, height] of [[1400, 900], [390, 844]]) {
  describe(`${width} pixels wide`, () => {
    let opened, page;
    before(async () => {
      opened = await open(width, height);
      page = opened.page;
    });
    after(async () => {
      // Whatever the tests have done to it.
      assert.deepEqual(opened.problems, []);
      await opened.close();
    });

    test("nothing is wider than the screen, and the plot is drawn", async () => {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${wide} pixels`);
      const inks = await page.$eval("#chart canvas", (canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const kinds = new Set();
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) kinds.add(data.slice(i, i + 3).join());
        return kinds.size;
      });
      // Axes, and curves in colours of their own.
      assert.ok(inks > 5, `${inks} colours`);
    });

    test("tables say what the figures say", async () => {
      const { first, cells, delta, expected } = await page.evaluate(() => {
        const row = document.querySelector("#points tbody tr");
        const [test, anchor] = [CURVES[0], CURVES[1] ?? CURVES[0]];
        const found = FIGURES.bd_rates.find(
          (d) => d.metric === "psnr" && d.test === test.key && d.anchor === anchor.key,
        );
        const cell = document.querySelector("#deltas tbody tr:nth-child(2) td");
        return {
          first: FIGURES.curves[0].points[0],
          cells: [...row.children].map((c) => c.textContent),
          delta: cell?.textContent,
          expected: found?.rate?.percent,
        };
      });
      assert.equal(cells[2], first.bpp.toFixed(4));
      assert.equal(cells[3], first.psnr.toFixed(2));
      if (expected !== undefined) {
        assert.equal(delta.replace("−", "-"), `${expected < 0 ? "" : "+"}${expected.toFixed(1)} %`);
      }
    });

    test("switching the metric changes curves and table", async () => {
      const seen = new Set();
      for (const name of ["MS-SSIM", "SSIMULACRA2", "PSNR"]) {
        await page.getByRole("button", { name, exact: true }).click();
        assert.equal(await page.textContent("#delta-metric"), name);
        assert.equal(await page.getAttribute(`#metrics button[aria-pressed=true]`, "data-metric"), name.toLowerCase().replace("-", "_"));
        seen.add(await curves(page));
      }
      assert.equal(seen.size, 3);
    });

    test("the plot zooms by button, wheel and drag, and comes back", async () => {
      const home = await scales(page);
      const narrower = async (how) => {
        const [x, y] = await scales(page);
        assert.ok(x[1] - x[0] < home[0][1] - home[0][0], how);
        assert.ok(y[1] - y[0] < home[1][1] - home[1][0], how);
        await page.click("#zoom-reset");
        assert.deepEqual(await scales(page), home, how);
      };
      await page.click("#zoom-in");
      await narrower("button");
      const box = await plotBox(page);
      const at = (x, y) => [box.x + x * box.width, box.y + y * box.height];
      await page.mouse.move(...at(0.5, 0.5));
      await page.mouse.wheel(0, -200);
      await page.waitForFunction((max) => CHART.plot.scales.x.max < max, home[0][1]);
      await narrower("wheel");
      await page.mouse.move(...at(0.2, 0.2));
      await page.mouse.down();
      await page.mouse.move(...at(0.5, 0.4), { steps: 4 });
      await page.mouse.move(...at(0.7, 0.8), { steps: 4 });
      await page.mouse.up();
      await narrower("drag");
      await pinch(page, 0.1, 0.3);
      await narrower("pinch");
      await page.check("#logarithmic");
      assert.ok((await scales(page))[0][0] > 0);
      await page.uncheck("#logarithmic");
    });

    test("hovering a point says what it is", async () => {
      const box = await plotBox(page);
      const point = await page.evaluate(() => {
        const p = FIGURES.curves[0].points[1];
        return { ...p, x: CHART.plot.valToPos(p.bpp, "x"), y: CHART.plot.valToPos(p.psnr, "y") };
      });
      await page.mouse.move(box.x + point.x, box.y + point.y, { steps: 3 });
      await page.waitForSelector("#tip:not([hidden])");
      const text = await page.textContent("#tip");
      assert.match(text, new RegExp(`${point.bpp.toFixed(4)} bpp`));
      assert.match(text, new RegExp(`PSNR ${point.psnr.toFixed(3)}`));
      await page.mouse.move(box.x + 2, box.y + 2);
      await page.waitForSelector("#tip[hidden]", { state: "attached" });
    });

    test("the legend hides a curve", async () => {
      const all = await curves(page);
      const box = page.locator("#legend input").first();
      await box.uncheck();
      assert.notEqual(await curves(page), all);
      await box.check();
      assert.equal(await curves(page), all);
    });

    test("every picture is shown", async () => {
      const count = await page.locator("#right option").count();
      assert.equal(count, 1 + (await page.evaluate(() => PICTURES[0].codings.length)));
      for (let i = 0; i < count; i++) {
        await page.selectOption("#right", { index: i });
        const size = await page.$eval("#image-right", async (image) => {
          await image.decode();
          return [image.naturalWidth, image.naturalHeight];
        });
        assert.deepEqual(size, await page.evaluate(() => [PICTURES[0].width, PICTURES[0].height]));
      }
      await page.selectOption("#right", { index: 1 });
      const caption = await page.textContent("#caption-right");
      const coding = await page.evaluate(() => PICTURES[0].codings[0]);
      assert.ok(caption.includes(`${coding.bpp.toFixed(3)} bpp`), caption);
    });

    test("the slider and the divider move", async () => {
      const viewer = page.locator("#viewer");
      await viewer.scrollIntoViewIfNeeded();
      const clip = () => page.$eval("#side-right", (side) => side.style.clipPath);
      const split = async () => Number((await clip()).match(/([\d.]+)%/)[1]);
      const before = [await split(), await viewer.screenshot()];
      assert.equal(before[0], 50);
      const slider = await page.locator("#slider").boundingBox();
      await page.mouse.click(slider.x + slider.width * 0.2, slider.y + slider.height / 2);
      assert.ok(Math.abs((await split()) - 20) < 3, await clip());
      assert.ok(!before[1].equals(await viewer.screenshot()));
      const box = await viewer.boundingBox();
      const y = box.y + box.height / 2;
      await page.mouse.move(box.x + (box.width * (await split())) / 100, y);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.7, y, { steps: 5 });
      await page.mouse.up();
      assert.ok(Math.abs((await split()) - 70) < 1, await clip());
      await viewer.focus();
      await page.keyboard.press("ArrowLeft");
      assert.ok(Math.abs((await split()) - 68) < 1, await clip());
    });

    test("the picture zooms and is dragged within its frame", async () => {
      const place = () =>
        page.$eval("#image-left", (image) => new DOMMatrix(image.style.transform)).then(({ a, e, f }) => [a, e, f]);
      await page.click("#scales button[data-scale='4']");
      const [scale, x] = await place();
      assert.equal(scale, 4);
      const box = await page.locator("#viewer").boundingBox();
      await page.mouse.move(box.x + 30, box.y + 30);
      await page.mouse.down();
      await page.mouse.move(box.x + 70, box.y + 50, { steps: 3 });
      await page.mouse.up();
      assert.equal(Math.round((await place())[1] - x), 40);
      await page.click("#scales button[data-scale='1']");
      assert.deepEqual((await place()).map(Math.abs), [1, 0, 0]);
    });
  });
}

test("dark mode is dark, without a word of complaint", async () => {
  const background = async (scheme) => {
    const { page, problems, close } = await open(390, 844, scheme);
    const colour = await page.$eval("body", (body) => getComputedStyle(body).backgroundColor);
    assert.deepEqual(problems, []);
    await close();
    return colour.match(/\d+/g).map(Number);
  };
  assert.ok((await background("dark")).every((v) => v < 50));
  assert.ok((await background("light")).every((v) => v > 200));
});

test("a screenshot, if one is wanted", async (t) => {
  const path = process.env.SCREENSHOT;
  if (!path) return t.skip("SCREENSHOT is not set");
  const width = 1000;
  const { page, close } = await open(width, 800);
  const captions = await page.locator("#captions").boundingBox();
  const height = captions.y + captions.height + 10;
  await page.screenshot({ path, clip: { x: 0, y: 0, width, height }, fullPage: true });
  await close();
});
