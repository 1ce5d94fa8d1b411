// The frames that were mended by hand: look at one, or forget it.
// Arguments given by gr.HTML: element, trigger, props, watch.
const list = element.querySelector(".keyframes");
function button(text, title, name, frame) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.title = title;
  made.setAttribute("aria-label", title);
  made.disabled = !props.value.enabled;
  made.addEventListener("click", () => trigger(name, { frame }));
  return made;
}
function show() {
  const frames = (props.value || {}).frames || [];
  list.replaceChildren(...frames.map((frame) => {
    const item = document.createElement("span");
    item.setAttribute("role", "listitem");
    item.append(button(`Frame ${frame}`, `Show frame ${frame}`, "go", frame),
      button("×", `Forget the repair of frame ${frame}`, "drop", frame));
    return item;
  }));
}
watch("value", show);
show();
