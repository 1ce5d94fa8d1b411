// One sentence about what went wrong and what to do; it stays until closed or mended.
const notice = element.querySelector(".notice");
function show() {
  const text = (props.value || {}).text || "";
  notice.hidden = !text;
  notice.querySelector("span").textContent = text;
}
notice.querySelector("button").addEventListener("click", () => { notice.hidden = true; });
watch("value", show);
show();
