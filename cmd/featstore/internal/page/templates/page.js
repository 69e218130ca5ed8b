"use strict";
// The map: the photo nearest to the pointer is shown beside it, and labels can be hidden.
for (const plane of document.querySelectorAll(".plane")) {
  const svg = plane.querySelector("svg"), tip = plane.querySelector(".tip");
  const picture = tip.querySelector(".photo"), words = tip.querySelector("p");
  const dots = [...svg.querySelectorAll("circle")].map(el => {
    const title = el.querySelector("title"), text = title.textContent;
    title.remove(); // the tip says it
    return {el, text, x: +el.getAttribute("cx"), y: +el.getAttribute("cy")};
  });
  let on = null;
  const show = dot => {
    if (on) on.el.classList.remove("on");
    on = dot;
    tip.hidden = !dot;
    if (!dot) return;
    dot.el.classList.add("on");
    picture.className = "photo " + (dot.el.dataset.t || "none");
    words.textContent = dot.text;
    const box = plane.getBoundingClientRect(), at = dot.el.getBoundingClientRect();
    const x = at.x - box.x, y = at.y - box.y;
    tip.style.left = Math.max(0, x > box.width / 2 ? x - tip.offsetWidth - 12 : x + 20) + "px";
    tip.style.top = Math.max(0, Math.min(y - tip.offsetHeight / 2, box.height - tip.offsetHeight)) + "px";
  };
  const nearest = event => {
    const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    let best = null, least = 40 * 40;
    for (const dot of dots) {
      const d = (dot.x - p.x) ** 2 + (dot.y - p.y) ** 2;
      if (d < least && !dot.el.classList.contains("off")) { best = dot; least = d; }
    }
    return best;
  };
  svg.addEventListener("pointermove", e => { const dot = nearest(e); if (dot !== on) show(dot); });
  svg.addEventListener("pointerdown", e => show(nearest(e)));
  svg.addEventListener("pointerleave", e => { if (e.pointerType === "mouse") show(null); });
  for (const button of document.querySelectorAll(".legend button")) {
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", shown);
      for (const dot of dots) if (dot.el.classList.contains("k" + button.dataset.k)) dot.el.classList.toggle("off", !shown);
      show(null);
    });
  }
}
