// The live tab: takes the camera's pictures, has them cleaned one by one, shows what comes back.
// Arguments given by gr.HTML: element, server.
const live = element.querySelector(".live");
const find = (name) => live.querySelector("." + name);
const raw = find("raw"), held = find("held"), clean = find("clean"), fit = find("fit");
const LARGEST = 640; // pixels: the longer side of what is sent
const IN_FLIGHT = 2; // pictures sent whose answer is to come: more would only be late
const LEARN_SECONDS = 2, FPS_SECONDS = 2, TELL_SECONDS = 0.25;
const token = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const HINTS = {
  off: "Start the camera first",
  ready: "Take a still when the object is in the picture",
  learning: "Learning: keep out of the picture",
  still: "Click the object, then Remove live",
  live: "Live. Stop ends it",
};
let stream = null, mode = "off", tool = "add", learned = false, marked = 0, busy = false;
const grabber = document.createElement("canvas");

function go(next) {
  mode = live.dataset.mode = next;
  const on = next !== "off";
  find("camera").textContent = on ? "Stop camera" : "Start camera";
  find("learn").disabled = !on || next === "learning" || next === "live";
  find("still").disabled = next !== "ready" && next !== "still";
  find("still").textContent = next === "still" ? "Another still" : "Take a still";
  find("start").disabled = next !== "still" || !marked;
  find("stop").disabled = next !== "live" && next !== "learning";
  find("hint").textContent = HINTS[next];
  find("tag").textContent = { ready: "Camera", learning: "Learning", still: "Still", live: "Clean, live" }[next] || "";
  find("scene").textContent = learned ? "The empty scene is learned: it shows where the object was." : "";
  find("forget").hidden = !learned || next === "live" || next === "learning";
}
function say(text) {
  const trouble = find("trouble");
  trouble.hidden = !text;
  trouble.querySelector("span").textContent = text ? text[0].toUpperCase() + text.slice(1) : "";
}
find("trouble").querySelector("button").addEventListener("click", () => say(""));
function choose(name) {
  tool = name;
  for (const each of live.querySelectorAll(".tools button")) {
    each.setAttribute("aria-checked", String(each.dataset.tool === name));
  }
}
for (const each of live.querySelectorAll(".tools button")) {
  each.addEventListener("click", () => choose(each.dataset.tool));
}

// Asking the server. What it refuses is said; null then.
async function ask(what, more = {}) {
  let answer;
  try {
    answer = await server.ask({ ask: what, token, ...more });
  } catch {
    answer = { error: "the server does not answer; see whether it still runs" };
  }
  if (!answer || !answer.error) return answer || {};
  say(answer.error);
  return null;
}
function grab() {
  const scale = Math.min(1, LARGEST / Math.max(raw.videoWidth, raw.videoHeight));
  grabber.width = Math.round((raw.videoWidth * scale) / 2) * 2;
  grabber.height = Math.round((raw.videoHeight * scale) / 2) * 2;
  grabber.getContext("2d").drawImage(raw, 0, 0, grabber.width, grabber.height);
  return grabber.toDataURL("image/jpeg", 0.9);
}

// The camera.
const REASONS = {
  NotAllowedError: "the browser was not allowed to use the camera; allow it beside the address, then start it again",
  NotFoundError: "no camera was found; plug one in, then start it again",
  NotReadableError: "the camera cannot be read: another program may use it; close that, then start it again",
};
async function open() {
  say("");
  if (!navigator.mediaDevices) {
    say("browsers give the camera only to pages at https:// or on this machine itself (http://localhost); open the page there");
    return;
  }
  try {
    const video = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
    stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
  } catch (error) {
    say(REASONS[error.name] || "the camera cannot be started: " + error.message);
    return;
  }
  stream.getVideoTracks()[0].addEventListener("ended", () => {
    close();
    say("the camera went away; plug it in, then start it again");
  });
  raw.srcObject = stream;
  await raw.play().catch(() => {});
  fit.style.setProperty("--ratio", raw.videoWidth / raw.videoHeight || 4 / 3);
  go("ready");
  watchFrames();
}
function close() {
  for (const track of stream ? stream.getTracks() : []) track.stop();
  stream = raw.srcObject = null;
  learned = false;
  marked = 0;
  go("off");
  server.ask({ ask: "leave", token }).catch(() => {});
}
find("camera").addEventListener("click", () => (stream ? close() : open()));
window.addEventListener("pagehide", () => { if (stream) close(); });

// Every picture of the camera: sent, or dropped and counted.
let number = 0, shownNumber = -1, inFlight = 0, presented = 0, dropped = 0, run = 0;
let shownTimes = [], cameraTimes = [], delays = [], toldAt = 0, learnUntil = 0;
function watchFrames() {
  const mine = stream;
  const next = (now, data) => {
    if (stream !== mine) return;
    if (!element.isConnected) { close(); return; }
    const count = data && data.presentedFrames ? Math.max(1, data.presentedFrames - presented) : 1;
    presented = data && data.presentedFrames ? data.presentedFrames : 0;
    if (mode === "live") {
      for (let each = 0; each < count; each++) cameraTimes.push(now);
      if (inFlight < IN_FLIGHT) { dropped += count - 1; send(); } else dropped += count;
    } else if (mode === "learning" && !inFlight) learn();
    follow();
  };
  const follow = () => raw.requestVideoFrameCallback
    ? raw.requestVideoFrameCallback(next) : requestAnimationFrame((now) => next(now, null));
  follow();
}
async function send() {
  const mine = run, own = number++, began = performance.now();
  inFlight++;
  const answer = await ask("clean", { number: own, picture: grab() });
  if (mine !== run) return;
  inFlight--;
  if (!answer) { halt(); return; }
  if (!answer.picture || own < shownNumber) { dropped++; return; }
  const picture = new Image();
  picture.src = answer.picture;
  await picture.decode().catch(() => {});
  if (mine !== run || own < shownNumber) return;
  shownNumber = own;
  paint(picture);
  const now = performance.now();
  shownTimes.push(now);
  delays.push(now - began);
  tell(now, answer.notice);
}
function paint(picture) {
  clean.width = picture.naturalWidth;
  clean.height = picture.naturalHeight;
  clean.getContext("2d").drawImage(picture, 0, 0);
}
function tell(now, notice) {
  if (now - toldAt < 1000 * TELL_SECONDS) return;
  toldAt = now;
  const rate = (times) => {
    while (times.length && now - times[0] > 1000 * FPS_SECONDS) times.shift();
    return times.length > 1 ? (times.length - 1) / ((now - times[0]) / 1000) : 0;
  };
  delays = delays.slice(-60);
  const sorted = [...delays].sort((a, b) => a - b);
  const delay = sorted[Math.floor(sorted.length / 2)], fps = rate(shownTimes), all = rate(cameraTimes);
  find("speed").textContent = `${fps.toFixed(1)} of ${all.toFixed(0)} pictures a second · ${delay.toFixed(0)} ms behind · ${dropped} dropped`
    + (dropped && fps < 0.8 * all ? " (this machine does not keep up)" : "");
  Object.assign(live.dataset, { fps: fps.toFixed(1), delay: delay.toFixed(0), dropped });
  if (notice) find("scene").textContent = notice[0].toUpperCase() + notice.slice(1) + ".";
}

// The empty scene.
async function learn() {
  inFlight++;
  const first = learnUntil === 0;
  if (first) learnUntil = performance.now() + 1000 * LEARN_SECONDS;
  const mine = run, answer = await ask("learn", { first, picture: grab() });
  if (mine !== run) return;
  inFlight--;
  if (!answer) { halt("ready"); return; }
  const left = (learnUntil - performance.now()) / 1000;
  find("hint").textContent = `${HINTS.learning} (${Math.max(0, left).toFixed(1)} s)`;
  if (left <= 0) { learned = true; halt("ready"); }
}
find("learn").addEventListener("click", () => { say(""); halt("learning"); learnUntil = 0; });
find("forget").addEventListener("click", async () => {
  if (await ask("forget")) { learned = false; go(mode); }
});

// The still, and what is marked in it.
find("still").addEventListener("click", async () => {
  say("");
  const answer = await ask("hold", { picture: grab() });
  if (!answer || !stream) return;
  marked = 0;
  held.src = answer.picture;
  choose("add");
  go("still");
});
async function mark(event, opposite) {
  if (mode !== "still" || busy) return;
  busy = true;
  say("");
  const box = held.getBoundingClientRect();
  const inside = (share) => Math.min(0.999999, Math.max(0, share));
  const answer = await ask("mark", {
    x: inside((event.clientX - box.left) / box.width),
    y: inside((event.clientY - box.top) / box.height),
    positive: (tool !== "away") !== opposite,
    anew: tool === "anew" && marked > 0,
  });
  busy = false;
  if (!answer || mode !== "still") return;
  marked = answer.objects;
  held.src = answer.picture;
  if (tool === "anew") choose("add");
  go("still");
}
held.addEventListener("click", (event) => mark(event, event.shiftKey || event.altKey));
held.addEventListener("contextmenu", (event) => { event.preventDefault(); mark(event, true); });

// Beginning and ending.
find("start").addEventListener("click", async () => {
  say("");
  find("start").disabled = true;
  find("hint").textContent = "Starting ...";
  const answer = await ask("begin");
  if (!answer || !stream) { go(mode); return; }
  const picture = new Image();
  picture.src = answer.picture;
  await picture.decode().catch(() => {});
  paint(picture);
  halt("live");
});
function halt(next = stream ? "ready" : "off") {
  run++; // answers to what was sent before are for nobody
  inFlight = dropped = 0;
  number = 0;
  shownNumber = -1;
  shownTimes = [];
  cameraTimes = [];
  delays = [];
  go(next);
}
find("stop").addEventListener("click", () => halt());
go("off");
