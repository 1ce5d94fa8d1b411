// The list of objects: pick one to work on; name it, hide it, keep it, say how it moves.
// Arguments given by gr.HTML: element, trigger, props, watch.
const list = element.querySelector(".objects");
const MOTIONS = [
  ["object", "moves by itself"],
  ["surface", "sticks to what is behind it"],
  ["screen", "stands on the screen"],
];
let naming = null; // id of the object whose name is being typed

function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  if (tag === "button") made.type = "button";
  return made;
}
function button(className, text, title, action) {
  const made = make("button", className, text);
  made.title = title;
  made.setAttribute("aria-label", title);
  made.disabled = !(props.value || {}).enabled;
  made.addEventListener("click", (event) => { event.stopPropagation(); action(); });
  return made;
}

function nameField(each) {
  const field = make("input", "naming");
  field.value = each.name;
  field.maxLength = 40;
  field.setAttribute("aria-label", "Name of the object");
  const end = (keep) => {
    if (naming !== each.id) return;
    naming = null;
    if (keep && field.value.trim() && field.value !== each.name) trigger("rename", { id: each.id, name: field.value });
    else show();
  };
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") end(true);
    if (event.key === "Escape") end(false);
  });
  field.addEventListener("blur", () => end(true));
  requestAnimationFrame(() => { field.focus(); field.select(); });
  return field;
}

function row(each) {
  const item = make("div", "object" + (each.current ? " current" : "") + (each.hidden ? " hidden" : ""));
  const head = make("div", "head");
  const pick = button("pick", undefined, "Work on " + each.name, () => trigger("pick", { id: each.id }));
  pick.setAttribute("role", "option");
  pick.setAttribute("aria-selected", String(each.current));
  const swatch = make("span", "swatch");
  swatch.style.setProperty("--colour", each.colour);
  if (each.thumbnail) swatch.append(Object.assign(make("img"), { src: each.thumbnail, alt: "" }));
  pick.append(swatch);
  if (naming === each.id) head.append(pick, nameField(each));
  else {
    pick.append(make("span", "name", each.name), make("span", "count", each.note));
    pick.addEventListener("dblclick", () => { naming = each.id; show(); });
    head.append(pick);
  }
  const eye = button("eye", each.hidden ? "Show" : "Hide", (each.hidden ? "Show " : "Hide ") + each.name,
    () => trigger("hide", { id: each.id, hidden: !each.hidden }));
  head.append(eye, button("drop-object", "×", "Delete " + each.name, () => trigger("drop", { id: each.id })));
  item.append(head);
  if (each.current) item.append(details(each));
  return item;
}

function details(each) {
  const line = make("div", "details");
  const fate = make("div", "fate");
  fate.setAttribute("role", "radiogroup");
  for (const [removed, text] of [[true, "Remove"], [false, "Keep"]]) {
    const choice = button("", text, (removed ? "Remove " : "Keep ") + each.name,
      () => trigger("fate", { id: each.id, removed }));
    choice.setAttribute("role", "radio");
    choice.setAttribute("aria-checked", String(each.removed === removed));
    fate.append(choice);
  }
  const motion = make("select", "motion");
  motion.setAttribute("aria-label", "How " + each.name + " moves");
  motion.title = motion.getAttribute("aria-label");
  motion.disabled = !(props.value || {}).enabled;
  for (const [value, text] of MOTIONS) motion.append(Object.assign(make("option", "", text), { value }));
  motion.value = each.motion;
  motion.addEventListener("change", () => trigger("motion", { id: each.id, motion: motion.value }));
  line.append(fate, motion, button("rename", "Rename", "Rename " + each.name, () => { naming = each.id; show(); }));
  return line;
}

function show() {
  list.replaceChildren(...((props.value || {}).objects || []).map(row));
  const current = list.querySelector(".current");
  if (current) {
    const over = current.offsetTop + current.offsetHeight - list.clientHeight;
    if (list.scrollTop < over || list.scrollTop > current.offsetTop) list.scrollTop = Math.max(0, over);
  }
}
watch("value", show);
show();
