// The stage: one frame to mark, the live preview, or before and after.
// Arguments given by gr.HTML: element, trigger, props, watch.
const stage = element.querySelector(".stage");
const find = (name) => stage.querySelector("." + name);
const all = (selector) => [...stage.querySelectorAll(selector)];
const picture = find("picture"), ink = find("ink"), before = find("before"), after = find("after");
const pulse = find("pulse"), handle = find("handle"), fit = find("fit"), size = find("size input");
let value = {};

// What a click does.
let tool = "add";
function choose(name) {
  tool = name;
  stage.dataset.tool = name;
  corner = stroke = null;
  for (const each of all(".tools button")) {
    each.setAttribute("aria-checked", String(each.dataset.tool === name));
  }
  draw();
}
for (const each of all(".tools button")) {
  each.addEventListener("click", () => choose(each.dataset.tool));
}
// Repairing: a better place is brushed over a bad one.
let from = null, offset = null; // the good place; from the bad place to it
function choosePatch(name) {
  stage.dataset.patch = name;
  for (const each of all(".patches button")) {
    each.setAttribute("aria-checked", String(each.dataset.patch === name));
  }
  draw();
}
for (const each of all(".patches button")) {
  each.addEventListener("click", () => choosePatch(each.dataset.patch));
}
const painting = () => (value.mode === "mark" && brushes()) || (value.mode === "repair" && stage.dataset.patch === "over" && from);
size.addEventListener("input", () => draw());

// Places are fractions of the picture, so that neither scaling nor non-square pixels matter.
function place(event) {
  const box = picture.getBoundingClientRect();
  const inside = (share) => Math.min(0.999999, Math.max(0, share));
  return {
    x: inside((event.clientX - box.left) / box.width),
    y: inside((event.clientY - box.top) / box.height),
  };
}
const brushes = () => tool === "brush" || tool === "erase";
const radius = () => Number(size.value) / 200; // of the picture's width
let corner = null; // of a box whose other corner is to come
let stroke = null; // being drawn
let pointer = null; // where the mouse is
let sent = []; // strokes and boxes whose answer is to come

function point(at, opposite) {
  pulse.style.left = 100 * at.x + "%";
  pulse.style.top = 100 * at.y + "%";
  pulse.classList.add("on");
  trigger("mark", { x: at.x, y: at.y, positive: (tool !== "away") !== opposite });
}
function finishBox(at) {
  const box = [corner.x, corner.y, at.x, at.y];
  corner = null;
  if (Math.abs(box[2] - box[0]) < 0.004 || Math.abs(box[3] - box[1]) < 0.004) return;
  sent.push({ box });
  trigger("box", { box });
}
ink.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  const at = place(event);
  if (value.mode === "repair") {
    if (stage.dataset.patch === "from" || !from) { from = at; offset = null; choosePatch("over"); return; }
    offset ||= [from.x - at.x, from.y - at.y];
    stroke = { points: [[at.x, at.y]], radius: radius(), offset };
    ink.setPointerCapture(event.pointerId);
  } else if (value.mode !== "mark") return;
  else if (brushes()) {
    stroke = { points: [[at.x, at.y]], radius: radius(), erases: tool === "erase" };
    ink.setPointerCapture(event.pointerId);
  } else if (tool === "box") {
    if (corner) { finishBox(at); draw(); return; }
    corner = { ...at, dragged: false };
    ink.setPointerCapture(event.pointerId);
  }
  draw();
});
ink.addEventListener("pointermove", (event) => {
  pointer = place(event);
  if (stroke) stroke.points.push([pointer.x, pointer.y]);
  if (corner && event.buttons) {
    corner.dragged ||= Math.abs(pointer.x - corner.x) + Math.abs(pointer.y - corner.y) > 0.015;
  }
  if (painting() || corner) draw();
});
ink.addEventListener("pointerup", (event) => {
  if (stroke) {
    sent.push(stroke);
    const { points, radius, erases } = stroke;
    if (stroke.offset) trigger("patch", { points, radius, offset: stroke.offset });
    else trigger("stroke", { points, radius, erases });
    stroke = null;
  } else if (corner && corner.dragged) {
    finishBox(place(event));
  }
  draw();
});
for (const end of ["pointercancel", "pointerleave"]) {
  ink.addEventListener(end, () => { pointer = null; if (end === "pointercancel") stroke = null; draw(); });
}
ink.addEventListener("click", (event) => {
  if (value.mode !== "mark" || brushes() || tool === "box") return;
  point(place(event), event.shiftKey || event.altKey);
});
ink.addEventListener("contextmenu", (event) => {
  event.preventDefault();
  if (value.mode !== "mark") return;
  if (tool === "box" || brushes()) { corner = stroke = null; draw(); return; }
  point(place(event), true);
});

// What is being drawn, until the server's picture holds it.
function draw() {
  const box = ink.getBoundingClientRect();
  const width = Math.round(box.width), height = Math.round(box.height);
  if (ink.width !== width) ink.width = width;
  if (ink.height !== height) ink.height = height;
  const context = ink.getContext("2d");
  context.clearRect(0, 0, width, height);
  context.lineCap = context.lineJoin = "round";
  for (const each of stroke ? [...sent, stroke] : sent) {
    if (each.box) { rectangle(context, each.box, width, height); continue; }
    if (each.offset) context.strokeStyle = shifted(context, each.offset, width, height);
    else context.strokeStyle = each.erases ? "rgb(20 22 28 / .55)" : value.colour || "#fff";
    context.globalAlpha = each.erases || each.offset ? 1 : 0.55;
    context.lineWidth = Math.max(1, 2 * each.radius * width);
    context.beginPath();
    each.points.forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](x * width, y * height));
    if (each.points.length === 1) context.lineTo(each.points[0][0] * width + 0.1, each.points[0][1] * height);
    context.stroke();
    context.globalAlpha = 1;
  }
  if (corner && pointer) rectangle(context, [corner.x, corner.y, pointer.x, pointer.y], width, height);
  else if (corner) rectangle(context, [corner.x - 0.004, corner.y - 0.004, corner.x + 0.004, corner.y + 0.004], width, height);
  if (value.mode === "repair" && from) cross(context, from.x * width, from.y * height);
  if (painting() && pointer) {
    context.lineWidth = 1.5;
    for (const [colour, grown] of [["#000", 1], ["#fff", 0]]) {
      context.strokeStyle = colour;
      context.beginPath();
      context.arc(pointer.x * width, pointer.y * height, radius() * width + grown, 0, 7);
      context.stroke();
    }
  }
}
function shifted(context, [x, y], width, height) {
  const pattern = context.createPattern(picture, "no-repeat");
  pattern.setTransform(new DOMMatrix([width / picture.naturalWidth, 0, 0, height / picture.naturalHeight, -x * width, -y * height]));
  return pattern;
}
function cross(context, x, y) {
  for (const [colour, line] of [["#000", 4], ["#fff", 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.beginPath();
    for (const [dx, dy] of [[9, 0], [0, 9]]) { context.moveTo(x - dx, y - dy); context.lineTo(x + dx, y + dy); }
    context.stroke();
  }
}
function rectangle(context, [x0, y0, x1, y1], width, height) {
  for (const [colour, line] of [["#000", 3], ["#fff", 1.5]]) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height);
  }
}
new ResizeObserver(draw).observe(fit);

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
  if (value.mode !== "compare" || stage.dataset.layout !== "wipe") return;
  fit.setPointerCapture(event.pointerId);
  dragTo(event);
  fit.onpointermove = dragTo;
});
for (const end of ["pointerup", "pointercancel"]) {
  fit.addEventListener(end, () => { fit.onpointermove = null; });
}
handle.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -0.05, ArrowRight: 0.05 }[event.key];
  if (step) { wipe(Number(handle.dataset.share) + step); event.preventDefault(); event.stopPropagation(); }
});

const clock = (seconds) =>
  Math.floor(seconds / 60) + ":" + String(Math.floor(seconds % 60)).padStart(2, "0");
const frameAt = (seconds) => Math.max(0, Math.round(seconds * (value.rate || 25) - 0.25));
function follow() {
  if (value.mode !== "compare") return;
  if (Math.abs(before.currentTime - after.currentTime) > 0.04 && !before.seeking) {
    before.currentTime = Math.min(after.currentTime, before.duration || after.currentTime);
  }
  if (after.duration) {
    find("time").value = after.currentTime / after.duration;
    find("clock").textContent = clock(after.currentTime) + " / " + clock(after.duration);
    document.dispatchEvent(new CustomEvent("cleanplate-at", { detail: frameAt(after.currentTime) }));
  }
  requestAnimationFrame(follow);
}
after.addEventListener("play", () => { before.play().catch(() => {}); find("play").textContent = "Pause"; });
after.addEventListener("pause", () => { before.pause(); find("play").textContent = "Play"; });
// A browser that cannot play the original is shown it as we encoded it, objects marked.
before.addEventListener("error", () => {
  if (value.overlay && before.dataset.url === value.before.url) load(before, value.overlay.url);
});
find("play").addEventListener("click", () => (after.paused ? after.play() : after.pause()));
find("time").addEventListener("input", (event) => {
  if (after.duration) after.currentTime = event.target.value * after.duration;
});
// The film below asks for a frame; in the middle of its time, so that it is that frame.
document.addEventListener("cleanplate-seek", (event) => {
  if (value.mode !== "compare" || !element.isConnected) return;
  after.pause();
  after.currentTime = (event.detail + 0.5) / (value.rate || 25);
});
find("sound").addEventListener("click", () => {
  after.muted = !after.muted;
  find("sound").textContent = after.muted ? "Sound off" : "Sound on";
  find("sound").setAttribute("aria-pressed", String(!after.muted));
});
for (const each of all(".layouts button")) {
  each.addEventListener("click", () => arrange(each.dataset.layout));
}
function arrange(layout) {
  stage.dataset.layout = layout;
  for (const each of all(".layouts button")) {
    each.setAttribute("aria-checked", String(each.dataset.layout === layout));
  }
  stage.style.setProperty("--ratio", (value.ratio || 1) * (layout === "side" ? 2 : 1));
  const left = layout === "overlay" ? value.overlay : value.before;
  if (left) load(before, left.url);
}
function load(video, url) {
  if ((video.dataset.url || "") === url) return;
  video.dataset.url = url;
  if (url) {
    video.src = url;
    if (video === before && !after.paused) video.play().catch(() => {});
  } else { video.removeAttribute("src"); video.load(); }
}

// What to see.
for (const each of all(".views button")) {
  each.addEventListener("click", () => {
    const frame = value.mode === "compare" ? frameAt(after.currentTime) : null;
    trigger("view", { showing: each.dataset.show, frame });
  });
}

function show() {
  const old = value;
  value = props.value || {};
  const comparing = value.mode === "compare";
  stage.dataset.mode = value.mode || "idle";
  pulse.classList.remove("on");
  sent.shift();
  if (value.mode !== "mark" && value.mode !== "repair") sent = [];
  if (value.mode !== old.mode) { from = offset = null; choosePatch("from"); }
  find("hint").textContent = find("hint").title = value.hint || "";
  if (value.picture) picture.src = value.picture;
  for (const each of all(".views button")) {
    each.disabled = value.mode === "run" || !(value.views || []).includes(each.dataset.show);
    each.setAttribute("aria-pressed", String(each.dataset.show === value.showing));
  }
  all('.layouts [data-layout="overlay"]')[0].disabled = !value.overlay;
  if (!comparing) { load(before, ""); load(after, ""); }
  stage.style.setProperty("--ratio", value.ratio || 1);
  draw();
  if (!comparing) return;
  const isNew = old.mode !== "compare" || old.after.url !== value.after.url;
  load(after, value.after.url);
  arrange(isNew ? (value.ratio < 1 ? "side" : "wipe") : stage.dataset.layout);
  if (!isNew) return;
  wipe(0.5);
  after.loop = after.muted = true;
  find("sound").textContent = "Sound off";
  after.play().catch(() => {});
  requestAnimationFrame(follow);
}
choose("add");
choosePatch("from");
watch("value", show);
show();
