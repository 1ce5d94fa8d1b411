// The stage: one frame to click in, the live preview, or before and after.
// Arguments given by gr.HTML: element, trigger, props, watch.
const stage = element.querySelector(".stage");
const find = (name) => stage.querySelector("." + name);
const picture = find("picture"), before = find("before"), after = find("after");
const pulse = find("pulse"), handle = find("handle"), fit = find("fit");
let value = {};

// Fractions of the picture, so that neither scaling nor non-square pixels matter here.
function place(event) {
  const box = picture.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
}

function mark(event, opposite) {
  event.preventDefault();
  if (value.mode !== "mark") return;
  const { x, y } = place(event);
  if (x < 0 || y < 0 || x >= 1 || y >= 1) return;
  pulse.style.left = 100 * x + "%";
  pulse.style.top = 100 * y + "%";
  pulse.classList.add("on");
  trigger("mark", { x, y, opposite });
}
picture.addEventListener("click", (event) => mark(event, event.shiftKey || event.altKey));
picture.addEventListener("contextmenu", (event) => mark(event, true));

// Before and after.  The result leads; the original follows it.
function wipe(share) {
  const kept = Math.min(1, Math.max(0, share));
  fit.style.setProperty("--wipe", 100 * kept + "%");
  handle.setAttribute("aria-valuenow", Math.round(100 * kept));
  handle.dataset.share = kept;
}
function dragTo(event) {
  const box = fit.getBoundingClientRect();
  wipe((event.clientX - box.left) / box.width);
}
fit.addEventListener("pointerdown", (event) => {
  if (value.mode !== "compare" || stage.dataset.layout === "side") return;
  fit.setPointerCapture(event.pointerId);
  dragTo(event);
  fit.onpointermove = dragTo;
});
for (const end of ["pointerup", "pointercancel"]) {
  fit.addEventListener(end, () => { fit.onpointermove = null; });
}
handle.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -0.05, ArrowRight: 0.05 }[event.key];
  if (step) { wipe(Number(handle.dataset.share) + step); event.preventDefault(); }
});

const clock = (seconds) =>
  Math.floor(seconds / 60) + ":" + String(Math.floor(seconds % 60)).padStart(2, "0");
function follow() {
  if (Math.abs(before.currentTime - after.currentTime) > 0.04 && !before.seeking) {
    before.currentTime = Math.min(after.currentTime, before.duration || after.currentTime);
  }
  if (after.duration) {
    find("time").value = after.currentTime / after.duration;
    find("clock").textContent = clock(after.currentTime) + " / " + clock(after.duration);
  }
  if (value.mode === "compare") requestAnimationFrame(follow);
}
after.addEventListener("play", () => { before.play().catch(() => {}); find("play").textContent = "Pause"; });
after.addEventListener("pause", () => { before.pause(); find("play").textContent = "Play"; });
// A browser that cannot play the original is shown it as we encoded it, objects marked.
before.addEventListener("error", () => {
  if (value.fallback && before.dataset.url === value.before.url) load(before, value.fallback.url);
});
find("play").addEventListener("click", () => (after.paused ? after.play() : after.pause()));
find("time").addEventListener("input", (event) => {
  if (after.duration) after.currentTime = event.target.value * after.duration;
});
find("sound").addEventListener("click", () => {
  after.muted = !after.muted;
  find("sound").textContent = after.muted ? "Sound off" : "Sound on";
  find("sound").setAttribute("aria-pressed", String(!after.muted));
});
find("layout").addEventListener("click", () => arrange(stage.dataset.layout === "side" ? "wipe" : "side"));
function arrange(layout) {
  stage.dataset.layout = layout;
  find("layout").textContent = layout === "side" ? "Wipe" : "Side by side";
  stage.style.setProperty("--ratio", (value.ratio || 1) * (layout === "side" ? 2 : 1));
}
function load(video, url) {
  if (video.dataset.url === url) return;
  video.dataset.url = url;
  if (url) video.src = url;
  else { video.removeAttribute("src"); video.load(); }
}

function show() {
  const old = value.mode;
  value = props.value || {};
  stage.dataset.mode = value.mode || "idle";
  pulse.classList.remove("on");
  find("hint").textContent = value.hint || "";
  if (value.picture) picture.src = value.picture;
  const comparing = value.mode === "compare";
  load(before, comparing ? value.before.url : "");
  load(after, comparing ? value.after.url : "");
  stage.style.setProperty("--ratio", value.ratio || 1);
  if (!comparing || old === "compare") return;
  arrange(value.ratio < 1 ? "side" : "wipe");
  wipe(0.5);
  after.loop = after.muted = true;
  after.play().catch(() => {});
  requestAnimationFrame(follow);
}
watch("value", show);
show();
