// Faults of the looks of a page as it stands, each a sentence. phone : whether fingers touch it.
(phone) => {
  const root = document.documentElement, faults = [];
  const said = (element) => `<${element.tagName.toLowerCase()}${element.id ? ` id=${element.id}` : ""}${
    element.classList.length ? ` class="${element.className}"` : ""}> "${element.textContent.trim().replace(/\s+/g, " ").slice(0, 40)}"`;
  const drawn = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest(".unseen, .skip, svg");
  const words = (node) => { // boxes of lines of text that is seen
    if (node.nodeType === 1) return node.matches(".unseen") ? [] : [...node.childNodes].flatMap(words);
    const range = document.createRange();
    range.selectNodeContents(node);
    return [...range.getClientRects()].filter((each) => each.width > 0.5 && each.height > 0.5);
  };
  const around = (element, wanted) => {
    for (let each = element; each && each !== root; each = each.parentElement) if (wanted(getComputedStyle(each))) return each;
    return null;
  };

  if (root.scrollWidth > root.clientWidth) faults.push(`the page scrolls sideways: ${root.scrollWidth} of ${root.clientWidth} px`);

  // Buttons, and links that are drawn as such.
  const buttons = [...document.querySelectorAll("button:not(.plain), .button")].filter(drawn);
  const boxes = buttons.map((each) => each.getBoundingClientRect());
  buttons.forEach((button, k) => {
    const box = boxes[k], lines = words(button);
    const middle = (Math.min(...lines.map((each) => each.top)) + Math.max(...lines.map((each) => each.bottom))) / 2;
    const off = middle - (box.top + box.bottom) / 2;
    if (lines.length && Math.abs(off) > 1.5) faults.push(`words ${off.toFixed(1)} px off the middle of ${said(button)}`);
    for (let j = 0; j < k; j += 1) {
      const shared = Math.min(box.bottom, boxes[j].bottom) - Math.max(box.top, boxes[j].top);
      if (shared > 0.5 * Math.min(box.height, boxes[j].height) && Math.abs(box.height - boxes[j].height) > 1)
        faults.push(`on a row ${box.height} px high: ${said(button)}, and ${boxes[j].height}: ${said(buttons[j])}`);
    }
  });

  // Texts: in their box, and on no other text.
  const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.data.trim() || !drawn(element)) continue;
    const block = around(element, (style) => style.display !== "inline" && style.display !== "contents");
    const scroller = around(element, (style) => ["auto", "scroll"].includes(style.overflowX));
    const box = block.getBoundingClientRect(), room = scroller ? scroller.getBoundingClientRect() : null;
    const rects = words(node);
    const out = rects.find((each) => each.left < box.left - 1 || each.right > box.right + 1);
    if (out && scroller !== block) faults.push(`${Math.round(out.right - box.right)} px out of its box: ${said(block)}`);
    if (around(element, (style) => style.position === "fixed")) continue;
    for (const each of rects) {
      const left = room ? Math.max(each.left, room.left) : each.left, right = room ? Math.min(each.right, room.right) : each.right;
      const top = room ? Math.max(each.top, room.top) : each.top, bottom = room ? Math.min(each.bottom, room.bottom) : each.bottom;
      if (right > left && bottom > top) texts.push({ left, right, top, bottom, node });
    }
  }
  texts.sort((a, b) => a.top - b.top);
  texts.forEach((a, k) => {
    for (let j = k + 1; j < texts.length && texts[j].top < a.bottom; j += 1) {
      const b = texts[j], across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - b.top;
      if (a.node !== b.node && across > 1 && down > 0.3 * Math.min(a.bottom - a.top, b.bottom - b.top))
        faults.push(`"${a.node.data.trim().slice(0, 40)}" and "${b.node.data.trim().slice(0, 40)}" on one another`);
    }
  });
  for (const each of document.querySelectorAll("main *, header *, footer *")) {
    if (!drawn(each) || !each.clientWidth || each.scrollWidth <= each.clientWidth + 1) continue;
    const style = getComputedStyle(each);
    if (["visible", "hidden", "clip"].includes(style.overflowX) && !["INPUT", "TEXTAREA", "SELECT", "FIELDSET"].includes(each.tagName)
        && [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
      faults.push(`${each.scrollWidth} px in ${each.clientWidth}: ${said(each)}`);
  }

  // Columns of tables.
  for (const table of [...document.querySelectorAll("table")].filter(drawn)) {
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]).filter((row) => [...row.cells].every((each) => each.colSpan === 1));
    const heads = [...(table.tHead?.rows ?? [])].at(-1)?.cells ?? [];
    [...heads].forEach((head, k) => {
      const cells = rows.map((row) => row.cells[k]).filter(Boolean);
      if (cells.length && cells.every((each) => /^[\s–—−-]*$/.test(each.textContent) && !each.querySelector("input, select, button, svg, img, meter")))
        faults.push(`nothing in ${cells.length} rows of column ${k + 1}: ${said(head)} of ${said(table.caption ?? table)}`);
    });
  }

  // What a finger touches: links within a sentence are left out, as WCAG 2.5.8 does.
  const touched = phone ? document.querySelectorAll("a[href], button, input, select, textarea, summary") : [];
  for (const each of [...touched].filter(drawn)) {
    const target = (["checkbox", "radio"].includes(each.type) && each.closest("label")) || each, box = target.getBoundingClientRect();
    const block = around(target.parentElement, (style) => style.display !== "inline");
    const isInText = getComputedStyle(target).display === "inline" && block.textContent.trim() !== target.textContent.trim();
    if (!isInText && box.width > 0 && (box.height < 24 || box.width < 24))
      faults.push(`${box.width.toFixed(0)} × ${box.height.toFixed(0)} px to touch: ${said(target)}`);
  }
  return [...new Set(faults)];
}
