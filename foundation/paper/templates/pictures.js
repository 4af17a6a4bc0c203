/* Values of curves at the pointer, read off the drawing, and names that hide and show what is theirs.
   Tab goes to the names of a picture, up and down from name to name, left and right along the days; Enter hides. */
(() => {
const back = {linear: v => v, days: v => v, log: Math.exp, root: v => Math.sign(v) * v * v};
const to = {linear: v => v, days: v => v, log: Math.log, root: v => Math.sign(v) * Math.sqrt(Math.abs(v))};
const value = (low, high, kind, share) => back[kind](to[kind](low) + share * (to[kind](high) - to[kind](low)));
const words = (v, span) => v.toFixed(Math.min(6, Math.max(0, Math.ceil(2 - Math.log10(span))))).replace("-", "−");
const session = day => day - ({2: 1, 3: 2, [-5]: 1, [-4]: 2}[Math.floor(day) % 7] ?? 0);  // or the Friday before a weekend
const box = rect => ["x", "y", "width", "height"].map(name => +rect.getAttribute(name));
const tip = document.querySelector(".sheet").appendChild(Object.assign(document.createElement("div"), {className: "tip", role: "status"}));
const line = document.createElementNS(document.querySelector("figure svg")?.namespaceURI ?? null, "path");
line.setAttribute("style", "stroke:var(--soft);pointer-events:none");
const hide = () => { tip.textContent = ""; line.remove(); };
const height = (path, x) => {  // of a curve at x, px; NaN where it has a gap
  path.parts ??= path.getAttribute("d").match(/[ML][^ML]+/g).map(p => [p[0], ...p.slice(1).split(" ").map(Number)]);
  const k = path.parts.findIndex(p => p[1] >= x), [pen, x1, y1] = path.parts[k] ?? [], [, x0, y0] = path.parts[k - 1] ?? [];
  return x1 === x ? y1 : pen === "L" ? y0 + (x - x0) / (x1 - x0) * (y1 - y0) : NaN;
};
const show = (svg, x, y) => {  // the values at a place of a picture
  const inside = ([left, top, wide, high]) => x >= left && x <= left + wide && y >= top && y <= top + high;
  const clip = [...svg.querySelectorAll("clipPath[data-axes]")].find(each => inside(box(each.firstChild)));
  const curves = clip ? [...svg.querySelectorAll(`path[data-of][clip-path="url(#${clip.id})"]:not(.off)`)] : [];
  const found = curves.map(each => [height(each, x), each.dataset.of]).filter(([v]) => !isNaN(v)).sort((a, b) => a[0] - b[0]);
  if (!found.length) return hide();
  const [left, top, wide, high] = box(clip.firstChild), [x0, x1, across, y0, y1, up] = clip.dataset.axes.split(" ");
  const place = value(+x0, +x1, across, (x - left) / wide), said = v => value(+y0, +y1, up, (top + high - v) / high);
  const head = across === "days" ? new Date(864e5 * session(place)).toISOString().slice(0, 10) : words(place, Math.abs(x1 - x0));
  tip.textContent = [`≈ ${head}`, ...found.map(([v, name]) => `${words(said(v), Math.abs(y1 - y0))}  ${name}`)].join("\n");
  svg.appendChild(line).setAttribute("d", `M${x} ${top}v${high}`);
  const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM()), free = [innerWidth - tip.offsetWidth, innerHeight - tip.offsetHeight];
  const aside = at.x > 0.6 * innerWidth ? tip.offsetWidth + 28 : 0;  // where there is more room
  [tip.style.left, tip.style.top] = [at.x - aside, at.y].map((p, k) => `${Math.max(8, Math.min(p + 14, free[k] - 8))}px`);
};
const toggle = text => {
  const all = [...text.closest("figure").querySelectorAll("[data-of]")], off = !text.classList.contains("off");
  const own = all.filter(each => each.dataset.of === text.dataset.of);
  own.forEach(each => { each.classList.toggle("off", off); if (each.role) each.ariaPressed = !off; });
};
for (const svg of document.querySelectorAll("figure svg")) {
  const texts = [...svg.querySelectorAll("text[data-of]")], own = texts.map(text => text.dataset.of);
  const names = texts.filter((_, k) => own.indexOf(own[k]) === k), rect = svg.querySelector("clipPath[data-axes] rect");
  if (names.length < 2) continue;
  svg.role = "group";
  names.forEach((text, k) => Object.assign(text, {role: "button", ariaPressed: true, tabIndex: k ? -1 : 0}));
  svg.onclick = e => { if (e.target.closest("text[data-of]")) toggle(e.target.closest("text")); };
  let day = 1;  // share of the days
  svg.onkeydown = e => {
    const [step, along] = {ArrowUp: [-1], ArrowDown: [1], ArrowLeft: [0, -1], ArrowRight: [0, 1], Enter: [0], " ": [0]}[e.key] ?? [];
    if (step === undefined) return e.key === "Escape" && hide();
    e.preventDefault();
    if (step) names.at((names.indexOf(e.target) + step) % names.length).focus();
    else if (!along) toggle(e.target);
    else if (rect) show(svg, box(rect)[0] + box(rect)[2] * (day = Math.min(1, Math.max(0, day + along / 50))), box(rect)[1]);
  };
}
document.onpointermove = e => {
  const svg = e.target.closest?.("figure svg"), at = new DOMPoint(e.clientX, e.clientY);
  if (svg) show(svg, ...(p => [p.x, p.y])(at.matrixTransform(svg.getScreenCTM().inverse()))); else hide();
};
})();
