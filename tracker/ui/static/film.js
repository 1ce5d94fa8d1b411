// The film below the stage: thumbnails, marked frames, in and out, how sure the masks are.
// Arguments given by gr.HTML: element, trigger, props, watch, server.
const film = element.querySelector(".film");
const find = (name) => film.querySelector("." + name);
const strip = find("strip"), where = find("where"), thumbs = find("thumbs"), plot = find("plot");
const SVG = "http://www.w3.org/2000/svg", PLOT = 100;
let value = {}, index = 0, thumbsOf = "", held = false;

const last = () => Math.max(1, (value.length || 1) - 1);
const percent = (frame) => (100 * frame) / last() + "%";
const clock = (frame) => {
  const seconds = frame / (value.rate || 25);
  return Math.floor(seconds / 60) + ":" + (seconds % 60).toFixed(2).padStart(5, "0");
};

function point(frame) {
  index = Math.min(last(), Math.max(0, frame));
  where.value = index;
  find("playhead").style.left = percent(index);
  const length = value.length || 1;
  find("at").textContent = value.on ? `Frame ${index} of 0–${length - 1}  ·  ${clock(index)}` : "";
}
function go(frame) {
  if (where.disabled) return;
  point(frame);
  if (value.comparing) document.dispatchEvent(new CustomEvent("cleanplate-seek", { detail: index }));
  else trigger("seek", { frame: index });
}
where.addEventListener("input", () => go(Number(where.value)));
where.addEventListener("pointerdown", () => { held = true; });
for (const end of ["pointerup", "pointercancel", "blur"]) {
  where.addEventListener(end, () => { held = false; });
}
find("previous").addEventListener("click", () => go(index - 1));
find("next").addEventListener("click", () => go(index + 1));
document.addEventListener("cleanplate-at", (event) => { if (value.comparing && !held) point(event.detail); });
document.addEventListener("cleanplate-step", (event) => { if (value.on) go(index + event.detail); });
document.addEventListener("cleanplate-go", (event) => { if (value.on) go(event.detail < 0 ? last() : event.detail); });

// The part that is worked on.
function limit(first, end) { trigger("limit", { first, last: end }); }
const out = () => (value.last === null || value.last === undefined ? last() : value.last);
find("set-in").addEventListener("click", () => limit(index, Math.max(index, out())));
find("set-out").addEventListener("click", () => limit(Math.min(value.first, index), index));
find("whole").addEventListener("click", () => limit(0, null));
function shade(first, end) {
  find("before-in").style.width = percent(first);
  find("after-out").style.left = percent(end);
  find("in").style.left = percent(first);
  find("out").style.left = percent(end);
  find("in").setAttribute("aria-valuenow", first);
  find("out").setAttribute("aria-valuenow", end);
}
for (const name of ["in", "out"]) {
  const grip = find(name);
  const moved = (frame) => (name === "in"
    ? [Math.min(frame, out()), out()] : [value.first, Math.max(frame, value.first)]);
  const frameOf = (event) => {
    const box = strip.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return Math.round(share * last());
  };
  grip.addEventListener("pointerdown", (event) => {
    if (where.disabled) return;
    event.preventDefault();
    grip.setPointerCapture(event.pointerId);
    grip.onpointermove = (move) => shade(...moved(frameOf(move)));
  });
  grip.addEventListener("pointerup", (event) => {
    if (grip.onpointermove) limit(...moved(frameOf(event)));
    grip.onpointermove = null;
  });
  grip.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || where.disabled) return;
    event.preventDefault();
    event.stopPropagation();
    limit(...moved((name === "in" ? value.first : out()) + step));
  });
}

// How sure the masks are: the height of a line; doubtful frames are marked in red.
find("doubt").addEventListener("click", () => {
  const starts = (value.traces || []).flatMap((each) => each.doubtful.map(([first]) => first));
  starts.sort((one, other) => one - other);
  const next = starts.find((first) => first > index);
  if (starts.length) go(next === undefined ? starts[0] : next);
});
plot.addEventListener("click", (event) => {
  const box = plot.getBoundingClientRect();
  go(Math.round(((event.clientX - box.left) / box.width) * last()));
});
function shape(name, attributes, title) {
  const made = document.createElementNS(SVG, name);
  for (const [key, content] of Object.entries(attributes)) made.setAttribute(key, content);
  if (title) made.append(Object.assign(document.createElementNS(SVG, "title"), { textContent: title }));
  return made;
}
function drawPlot() {
  plot.setAttribute("viewBox", `0 0 ${last()} ${PLOT}`);
  const shapes = [];
  for (const trace of value.traces || []) {
    for (const [first, end, reason] of trace.doubtful) {
      shapes.push(shape("rect", { class: "doubtful " + reason, x: first - 0.5, y: 0, width: end - first + 1, height: PLOT },
        `${trace.name}: ${reason === "gone" ? "not to be seen" : "the mask may be wrong"}, frames ${first}–${end}`));
    }
    const line = (numbers, most) => numbers.map(([frame, number]) =>
      `${frame},${(PLOT - 6 - (PLOT - 12) * Math.min(1, number / most)).toFixed(1)}`).join(" ");
    const largest = Math.max(1, ...trace.points.map((each) => each[1]));
    const areas = trace.points.map(([frame, area]) => [frame, area]);
    if (areas.length) {
      shapes.push(shape("polygon", { class: "area", fill: trace.colour,
        points: `${areas[0][0]},${PLOT} ${line(areas, largest * 1.3)} ${areas[areas.length - 1][0]},${PLOT}` }));
      shapes.push(shape("polyline", { class: "sure", stroke: trace.colour,
        points: line(trace.points.map(([frame, , sure]) => [frame, sure]), 1) }));
    }
  }
  plot.replaceChildren(...shapes);
  const doubtful = (value.traces || []).some((each) => each.doubtful.length);
  find("doubt").disabled = !doubtful || where.disabled;
  find("legend").textContent = (value.traces || []).length
    ? "line: how sure · area: size" + (doubtful ? " · red: look here" : "") : "";
}

// Thumbnails come one after the other, so that nobody waits for them.
async function fetchThumbs() {
  const token = value.token || "";
  if (token === thumbsOf) return;
  thumbsOf = token;
  thumbs.replaceChildren();
  if (!token) return;
  let box = thumbs.getBoundingClientRect();
  while (!box.width && thumbsOf === token) { // not laid out yet
    await new Promise(requestAnimationFrame);
    box = thumbs.getBoundingClientRect();
  }
  const ratio = Math.max(0.4, value.ratio || 1.78);
  const number = Math.min(value.length, 20, Math.max(1, Math.round(box.width / (box.height * ratio))));
  const pictures = [...Array(number)].map(() => {
    const picture = document.createElement("img");
    picture.alt = "";
    picture.draggable = false;
    thumbs.append(picture);
    return picture;
  });
  for (const [position, picture] of pictures.entries()) {
    const frame = number === 1 ? 0 : Math.round((position / (number - 1)) * (value.length - 1));
    const url = await server.thumbnail({ token, frame }).catch(() => "");
    if (thumbsOf !== token) return;
    if (url) { picture.src = url; picture.classList.add("there"); }
  }
}

function show() {
  value = props.value || {};
  film.dataset.on = String(Boolean(value.on));
  where.max = last();
  where.disabled = !value.enabled;
  for (const each of film.querySelectorAll("button")) each.disabled = !value.enabled;
  find("whole").disabled = !value.enabled || !(value.first > 0 || (value.last !== null && value.last !== undefined));
  if (!held) point(value.index || 0);
  shade(value.first || 0, value.on ? out() : last());
  find("marks").replaceChildren(...(value.marks || []).map((mark) => {
    const dot = document.createElement("span");
    dot.style.left = percent(mark.frame);
    dot.style.background = mark.colour;
    dot.className = mark.kind;
    dot.title = mark.title;
    return dot;
  }));
  drawPlot();
  fetchThumbs();
}
watch("value", show);
show();
