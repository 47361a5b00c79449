// What all parts share: the figures, the metrics, and the curves with their colours.

const FIGURES = JSON.parse(document.getElementById("figures").textContent);
const PICTURES = JSON.parse(document.getElementById("pictures").textContent);

const METRICS = [
  { key: "psnr", name: "PSNR", axis: "PSNR, dB", digits: 2, of: (p) => p.psnr },
  { key: "ms_ssim", name: "MS-SSIM", axis: "MS-SSIM, dB", digits: 2, of: (p) => p.ms_ssim_db },
  { key: "ssimulacra2", name: "SSIMULACRA2", axis: "SSIMULACRA2", digits: 1, of: (p) => p.ssimulacra2 },
];

// Measured curves after Okabe and Ito, which people who see fewer colours can tell
// apart; published ones in other hues of less weight, and dashed.
const MEASURED = ["#d55e00", "#0072b2", "#009e73", "#b8860b", "#cc79a7", "#56b4e9", "#7f7f7f"];
const PUBLISHED = [
  "#8c6d5a", "#5f8a8b", "#8f7bb3", "#7d8f4e", "#b07a8c", "#6b7fa3", "#a38a4a", "#7a9e7e", "#9a6fb0", "#808890",
];

/** An element with attributes, text and children. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const byId = (id) => document.getElementById(id);

/** A number, or a dash where there is none. */
function number(value, digits) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

const inDecibels = (x) => (x === null || x === undefined || x >= 1 ? null : -10 * Math.log10(1 - x));

/** All curves in one form: measured first. `points` have bpp and what METRICS ask for. */
const CURVES = [
  ...FIGURES.curves.map((curve, i) => ({
    key: curve.codec,
    name: curve.name,
    published: false,
    colour: MEASURED[i % MEASURED.length],
    setting: curve.setting,
    points: curve.points,
  })),
  ...FIGURES.published.map((anchor, i) => ({
    key: anchor.key,
    name: anchor.key,
    published: true,
    colour: PUBLISHED[i % PUBLISHED.length],
    setting: null,
    points: anchor.bpp.map((bpp, j) => ({
      bpp,
      psnr: anchor.psnr_rgb[j],
      ms_ssim_db: inDecibels(anchor.ms_ssim_rgb?.[j]),
      ssimulacra2: null,
    })),
  })),
].map((curve) => ({ ...curve, shown: true }));

const STATE = { metric: METRICS[0] };
const ON_METRIC = [];

function setMetric(metric) {
  STATE.metric = metric;
  for (const button of byId("metrics").children) {
    button.setAttribute("aria-pressed", String(button.dataset.metric === metric.key));
  }
  for (const listener of ON_METRIC) listener();
}

for (const metric of METRICS) {
  const button = element("button", { type: "button", "data-metric": metric.key }, metric.name);
  button.addEventListener("click", () => setMetric(metric));
  byId("metrics").append(button);
}

(function about() {
  const { pictures, pixels, machine, test_set: set, test_set_source: source } = FIGURES;
  const what = `${pictures} picture${pictures === 1 ? "" : "s"}, ${(pixels / 1e6).toFixed(2)} MP`;
  const which = set ? `${set}, verified by checksum (${source})` : "not a whole test set: published points do not apply";
  const jobs = machine.jobs > 1 ? `, ${machine.jobs} pictures at the same time` : "";
  byId("about").textContent =
    `${FIGURES.program}. ${what}: ${which}. Measured on ${machine.cpu}, ` +
    `threads: ${machine.threads}${jobs}, networks on ${machine.device}. ` +
    "Metrics are those of the decoded 8-bit pictures; curves are means over the pictures.";
  if (FIGURES.left_out.length > 0) {
    const all = FIGURES.left_out.map((peer) => `${peer.name} is left out: ${peer.reason}.`);
    byId("left-out").textContent = all.join(" ");
    byId("left-out").hidden = false;
  }
})();
