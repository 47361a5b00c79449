// Two codings of one picture under a slider, with zoom.

const VIEW = { split: 50, scale: 1, x: 0, y: 0, drag: null };
const SCALES = [1, 2, 4, 8];

/** What can be shown of a picture: the original first. */
function codings(picture) {
  const original = { codec: "original", name: "Original", image: picture.original };
  return [original, ...picture.codings];
}

const chosen = () => PICTURES[byId("picture").selectedIndex];

function caption(coding) {
  if (coding.codec === "original") return "Original";
  const parts = [
    `${coding.name}, ${coding.setting_name} ${coding.setting}`,
    `${coding.bytes.toLocaleString("en")} bytes, ${coding.bpp.toFixed(3)} bpp`,
  ];
  if (coding.psnr !== null) parts.push(`PSNR ${coding.psnr.toFixed(2)} dB`);
  if (coding.ms_ssim !== null) parts.push(`MS-SSIM ${coding.ms_ssim.toFixed(4)}`);
  if (coding.ssimulacra2 !== null) parts.push(`SSIMULACRA2 ${coding.ssimulacra2.toFixed(1)}`);
  return parts.join("; ");
}

function show(side) {
  const coding = codings(chosen())[byId(side).selectedIndex];
  const image = byId(`image-${side}`);
  image.src = coding.image;
  image.alt = `${chosen().picture}: ${coding.name}`;
  byId(`caption-${side}`).textContent = caption(coding);
}

function place() {
  const box = byId("viewer");
  const bound = (value, size) => Math.min(0, Math.max(size - size * VIEW.scale, value));
  VIEW.x = bound(VIEW.x, box.clientWidth);
  VIEW.y = bound(VIEW.y, box.clientHeight);
  for (const image of box.querySelectorAll("img")) {
    image.style.transform = `translate(${VIEW.x}px, ${VIEW.y}px) scale(${VIEW.scale})`;
  }
  byId("side-right").style.clipPath = `inset(0 0 0 ${VIEW.split}%)`;
  byId("divider").style.left = `${VIEW.split}%`;
  byId("slider").value = VIEW.split;
  // Pixels are to be seen where one is larger than the screen's.
  box.classList.toggle("pixels", (box.clientWidth * VIEW.scale) / chosen().width >= 2);
  for (const button of byId("scales").children) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.scale) === VIEW.scale));
  }
}

/** Zooms about a point of the box. */
function setScale(scale, x = byId("viewer").clientWidth / 2, y = byId("viewer").clientHeight / 2) {
  const factor = scale / VIEW.scale;
  VIEW.x = x - (x - VIEW.x) * factor;
  VIEW.y = y - (y - VIEW.y) * factor;
  VIEW.scale = scale;
  place();
}

function setSplit(percent) {
  VIEW.split = Math.max(0, Math.min(100, percent));
  place();
}

function showPicture() {
  const picture = chosen();
  byId("viewer").style.aspectRatio = `${picture.width} / ${picture.height}`;
  for (const side of ["left", "right"]) {
    const select = byId(side);
    const before = select.value;
    select.replaceChildren(...codings(picture).map((c) => element("option", { value: c.codec }, c.name)));
    // Ours beside the original, until somebody chooses; a codec may lack a picture.
    select.value = before;
    if (select.selectedIndex < 0) select.selectedIndex = side === "left" ? 0 : 1;
    show(side);
  }
  byId("viewer-hint").textContent =
    "Each codec at the setting whose file is nearest in size to ours. " +
    (picture.cropped ? "The middle of a larger picture, coded by itself. " : "") +
    "Drag the slider; zoom with the buttons or the wheel and drag the picture.";
  place();
}

function press(event) {
  const box = byId("viewer");
  box.setPointerCapture(event.pointerId);
  const onDivider = event.target === byId("divider");
  VIEW.drag = { onDivider, x: event.clientX - VIEW.x, y: event.clientY - VIEW.y };
}

function move(event) {
  if (VIEW.drag === null) return;
  const box = byId("viewer").getBoundingClientRect();
  if (VIEW.drag.onDivider || VIEW.scale === 1) {
    setSplit((100 * (event.clientX - box.left)) / box.width);
  } else {
    VIEW.x = event.clientX - VIEW.drag.x;
    VIEW.y = event.clientY - VIEW.drag.y;
    place();
  }
}

function viewerWheel(event) {
  const at = SCALES.indexOf(VIEW.scale) + (event.deltaY < 0 ? 1 : -1);
  // At the ends the wheel scrolls the page.
  if (SCALES[at] === undefined) return;
  event.preventDefault();
  const box = byId("viewer").getBoundingClientRect();
  setScale(SCALES[at], event.clientX - box.left, event.clientY - box.top);
}

function viewerKey(event) {
  const steps = { ArrowLeft: -2, ArrowRight: 2 };
  if (steps[event.key] === undefined) return;
  event.preventDefault();
  setSplit(VIEW.split + steps[event.key]);
}

(function viewer() {
  const section = byId("viewer").closest("section");
  if (PICTURES.length === 0) {
    section.hidden = true;
    return;
  }
  byId("picture").append(...PICTURES.map((p) => element("option", {}, p.picture)));
  for (const scale of SCALES) {
    const button = element("button", { type: "button", "data-scale": scale }, `${scale}×`);
    button.addEventListener("click", () => setScale(scale));
    byId("scales").append(button);
  }
  byId("picture").addEventListener("change", showPicture);
  for (const side of ["left", "right"]) byId(side).addEventListener("change", () => show(side));
  byId("slider").addEventListener("input", (event) => setSplit(Number(event.target.value)));
  const box = byId("viewer");
  box.addEventListener("pointerdown", press);
  box.addEventListener("pointermove", move);
  for (const end of ["pointerup", "pointercancel"]) {
    box.addEventListener(end, () => (VIEW.drag = null));
  }
  box.addEventListener("wheel", viewerWheel, { passive: false });
  box.addEventListener("keydown", viewerKey);
  new ResizeObserver(place).observe(box);
  showPicture();
})();

setMetric(METRICS[0]);
