/** What a number means, on hover, focus or tap. Anything with `data-def` has a definition; Escape closes it. */
import { h } from "./dom.js";

const GAP = 8; // px between a number and its definition

/** Listen on the whole page; `definition(name)` gives `{label, text}`. */
export function explainOnDemand(definition) {
  const [title, text, value] = [h("strong"), h("p"), h("p", { class: "exact" })];
  const tip = h("div", { id: "tip", role: "tooltip", hidden: true }, title, text, value);
  document.body.append(tip);
  let shown = null;

  function show(target) {
    const said = definition(target.dataset.def);
    if (!said || shown === target) return;
    hide();
    shown = target;
    title.textContent = said.label;
    text.textContent = said.text;
    value.textContent = target.dataset.exact ?? "";
    value.hidden = !target.dataset.exact;
    tip.hidden = false;
    target.setAttribute("aria-describedby", "tip");
    place(target.getBoundingClientRect());
  }

  function place(box) {
    const { width, height } = tip.getBoundingClientRect();
    const left = Math.min(Math.max(GAP, box.left), document.documentElement.clientWidth - width - GAP);
    const below = box.bottom + GAP;
    const fits = below + height <= document.documentElement.clientHeight;
    tip.style.setProperty("left", `${left}px`);
    tip.style.setProperty("top", `${fits ? below : Math.max(GAP, box.top - height - GAP)}px`);
  }

  function hide() {
    shown?.removeAttribute("aria-describedby");
    shown = null;
    tip.hidden = true;
  }

  const defined = (event) => (event.target instanceof Element ? event.target.closest("[data-def]") : null);
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const target = defined(event);
    if (target) show(target);
    else if (!tip.contains(event.target)) hide(); // the pointer may rest on the definition
  });
  document.addEventListener("focusin", (event) => {
    const target = defined(event);
    if (target && event.target.matches(":focus-visible")) show(target);
    else if (!target) hide();
  });
  document.addEventListener("click", (event) => {
    const target = defined(event);
    if (target) show(target);
    else hide();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  const follow = () => shown && (shown.isConnected ? place(shown.getBoundingClientRect()) : hide());
  document.addEventListener("scroll", follow, { passive: true, capture: true });
  window.addEventListener("hashchange", hide);
}
