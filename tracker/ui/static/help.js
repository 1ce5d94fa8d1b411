// The keyboard: every shortcut presses a button that is on the page, if it can be pressed.
// Arguments given by gr.HTML: element, trigger, props, watch.
const dialog = element.querySelector("dialog");
const BUTTONS = {
  a: '.tools [data-tool="add"]', t: '.tools [data-tool="away"]', b: '.tools [data-tool="box"]',
  p: '.tools [data-tool="brush"], .patches [data-patch="over"]', e: '.tools [data-tool="erase"]',
  n: "#add", Delete: ".object.current .drop-object", i: ".film .set-in", o: ".film .set-out",
  d: ".film .doubt", r: "#remove", Escape: "#cancel", " ": ".player .play",
  w: '.layouts [data-layout="wipe"]', s: '.layouts [data-layout="side"]', c: '.layouts [data-layout="clean"]',
  1: '.views [data-show="marks"]', 2: '.views [data-show="result"]', 3: '.views [data-show="masks"]', 4: '.views [data-show="repair"]',
  f: '.patches [data-patch="from"]',
};
const tell = (name, detail) => document.dispatchEvent(new CustomEvent("cleanplate-" + name, { detail }));

function press(selector) {
  const button = [...document.querySelectorAll(selector)].find((each) => each.offsetParent);
  if (!button || button.disabled) return false;
  button.click();
  return true;
}
function grow(steps) {
  const size = document.querySelector(".stage .size input");
  size.value = Number(size.value) * 1.25 ** steps;
  size.dispatchEvent(new Event("input"));
}

function onKey(event) {
  if (!element.isConnected) { document.removeEventListener("keydown", onKey); return; }
  const target = event.target;
  const types = target.matches("textarea, select, [contenteditable=true], input:not([type=range])");
  if (types || dialog.open || event.metaKey || event.altKey) return;
  const { key } = event;
  let done = true;
  if (event.ctrlKey) done = key.toLowerCase() === "z" && press("#undo");
  else if (key === "ArrowLeft" || key === "ArrowRight") {
    // A slider that has the focus moves by itself; the film's own is moved from here.
    if (target.matches("input[type=range]") && !target.matches(".where, .time")) return;
    tell("step", (key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 10 : 1));
  } else if (key === "Home" || key === "End") tell("go", key === "Home" ? 0 : -1);
  else if (key === "[" || key === "]") grow(key === "[" ? -1 : 1);
  else if (key === "?") dialog.showModal();
  else if (key === " " && target.matches("button, input, a, [role=button]")) return;
  else if (BUTTONS[key.length === 1 ? key.toLowerCase() : key]) done = press(BUTTONS[key.length === 1 ? key.toLowerCase() : key]);
  else done = false;
  if (done) event.preventDefault();
}
document.addEventListener("keydown", onKey);
element.querySelector(".ask").addEventListener("click", () => dialog.showModal());
