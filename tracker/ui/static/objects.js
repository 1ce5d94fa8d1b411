// The list of objects: pick one to click on, or delete it.
const list = element.querySelector(".objects");

function row(each) {
  const item = document.createElement("div");
  item.className = "object" + (each.current ? " current" : "");
  const pick = document.createElement("button");
  pick.type = "button";
  pick.className = "pick";
  pick.setAttribute("role", "option");
  pick.setAttribute("aria-selected", String(each.current));
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.background = each.colour;
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = each.name;
  const count = document.createElement("span");
  count.className = "count";
  count.textContent = each.note;
  pick.append(swatch, name, count);
  pick.addEventListener("click", () => trigger("pick", { id: each.id }));
  const drop = document.createElement("button");
  drop.type = "button";
  drop.className = "drop-object";
  drop.textContent = "×";
  drop.title = "Delete " + each.name;
  drop.setAttribute("aria-label", drop.title);
  drop.addEventListener("click", () => trigger("drop", { id: each.id }));
  item.append(pick, drop);
  return item;
}

function show() {
  list.replaceChildren(...(props.value || []).map(row));
}
watch("value", show);
show();
