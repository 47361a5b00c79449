// The tables: delta rates, speeds, sources, and all points.

/** A table of a head and rows; a cell is text or an element. */
function table(head, rows) {
  const cells = (row, tag) => row.map((c) => (c instanceof Node ? c : element(tag, {}, c)));
  const body = rows.map(({ cells: row, published }) => {
    const [first, ...rest] = cells(row, "td");
    const title = element("th", { scope: "row" }, ...first.childNodes);
    return element("tr", published ? { class: "published" } : {}, title, ...rest);
  });
  const columns = head.map((text) => element("th", { scope: "col" }, text));
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...columns)),
    element("tbody", {}, ...body),
  );
}

const words = (text) => element("td", { class: "words" }, text);

function deltaCell(test, anchor) {
  const same = (d) =>
    d.metric === STATE.metric.key && d.test === test.key && d.anchor === anchor.key &&
    (d.test_is === "published") === test.published && (d.anchor_is === "published") === anchor.published;
  const found = FIGURES.bd_rates.find(same);
  if (!found) return element("td", {}, "");
  if (!found.rate) return element("td", { class: "none", title: found.none }, "none");
  const { percent, from, to } = found.rate;
  const range = `over ${from.toFixed(1)} to ${to.toFixed(1)}`;
  const text = `${percent < 0 ? "−" : "+"}${Math.abs(percent).toFixed(1)} %`;
  return element("td", { class: percent < 0 ? "less" : "more", title: range }, text);
}

function deltas() {
  const curves = withMetric();
  const tests = curves.filter((c) => !c.published);
  byId("delta-metric").textContent = STATE.metric.name;
  const rows = curves.map((anchor) => ({
    published: anchor.published,
    cells: [anchor.name, ...tests.map((test) => deltaCell(test, anchor))],
  }));
  byId("deltas").replaceChildren(table(["", ...tests.map((test) => test.name)], rows));
}

function points() {
  const head = ["codec", "setting", "bpp", "PSNR, dB", "of mean MSE", "MS-SSIM", "in dB", "SSIMULACRA2", "enc MP/s", "dec MP/s"];
  const rows = FIGURES.curves.flatMap((curve) =>
    curve.points.map((p) => ({
      cells: [
        curve.name, `${curve.setting} ${p.setting}`, p.bpp.toFixed(4), number(p.psnr, 2),
        number(p.psnr_of_mean_mse, 2), number(p.ms_ssim, 5), number(p.ms_ssim_db, 2),
        number(p.ssimulacra2, 2), p.encode_mps.toFixed(2), p.decode_mps.toFixed(2),
      ],
    })),
  );
  byId("points").replaceChildren(table(head, rows));
}

function speeds() {
  const rows = FIGURES.curves.map((curve) => ({
    cells: [
      curve.name, curve.encode_mps.toFixed(2), curve.decode_mps.toFixed(2),
      words(curve.version), words(curve.convention),
    ],
  }));
  byId("speeds").replaceChildren(table(["", "encode MP/s", "decode MP/s", "version", "how"], rows));
  byId("speed-hint").textContent =
    "Megapixels a second of wall time over all pictures and settings. The other codecs are timed as whole " +
    "programs, with their start and their files, which costs the fast ones most.";
}

function sources() {
  if (FIGURES.published.length === 0) {
    byId("sources").textContent =
      "None: they hold for the 24 Kodak pictures, all of them and no others.";
    return;
  }
  const entries = FIGURES.published.map((anchor) =>
    element("li", {}, element("em", {}, anchor.key), ` (${anchor.name}): ${anchor.source}; ${anchor.convention}`),
  );
  byId("sources").replaceChildren(element("ul", {}, ...entries));
}

ON_METRIC.push(deltas);
points();
speeds();
sources();
