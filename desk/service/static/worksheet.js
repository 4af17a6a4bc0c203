// The worksheet: each change is recomputed by the API, and its figures are written into the page.
"use strict";

const QUIET = 900; // milliseconds without a change, after which a screen reader is told the figures, once

document.addEventListener("loaded", ({ target }) => {
  const form = target.querySelector("[data-recompute]");
  if (!form) return;
  const one = (selector, within = form) => within.querySelector(selector);
  const rows = [...form.querySelectorAll("[data-asset]")].map((row) => ({ row, asset: row.dataset.asset, units: one("[data-units]", row), lock: one("[data-lock]", row) }));
  const state = () => rows.map(({ row, units, lock }) => [units.value, lock.checked, row.hidden]);
  const first = state(), earlier = [], query = new URLSearchParams(location.search), day = query.get("as_of");
  let last = first, asked = 0, telling = 0;

  const pointer = (asset) => `/orders/${asset.replaceAll("~", "~0").replaceAll("/", "~1")}`; // as mistakes name it
  const numberOf = (text) => Number(text.replace(/[\s,]/g, "").replace("−", "-"));
  function shown(value, digits = 2) {
    if (value === null || value === undefined) return "–";
    const text = value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return (/[1-9]/.test(text) ? text : text.replace("-", "")).replace("-", "−");
  }

  function mark({ row, units }, text) {
    const id = `mistake-${row.rowIndex}`;
    one(".mistake", row)?.remove();
    units.setAttribute("aria-invalid", Boolean(text));
    if (text) units.after(Object.assign(document.createElement("p"), { className: "mistake", textContent: text, id }));
    text ? units.setAttribute("aria-describedby", id) : units.removeAttribute("aria-describedby");
  }

  function write(found) {
    for (const each of form.querySelectorAll("[data-figure]")) {
      const value = each.dataset.figure.split(".").reduce((part, key) => part[key], found);
      each.textContent = shown(value === null ? null : value * each.dataset.scale, Number(each.dataset.digits));
    }
    found.lines.forEach((line, k) => {
      for (const cell of rows[k].row.querySelectorAll("[data-cell]")) cell.textContent = shown(line[cell.dataset.cell] * (cell.dataset.scale || 1));
    });
    const faults = found.faults.map((text) => Object.assign(document.createElement("li"), { textContent: text }));
    one(".faults").replaceChildren(...faults);
    one("[data-issue]").disabled = faults.length > 0 || !found.lines.some((line) => line.units);
    const text = (key) => one(`[data-figure="${key}"]`).textContent;
    const said = faults.length ? "The list cannot be issued: the reason stands above its button." : `Cost ${text("after.cost")}, turnover ${text("turnover")} % of NAV, cash ${text("after.cash")}.`;
    telling = setTimeout(() => say(said, faults.length > 0), QUIET);
  }

  function blank() { // figures of other units than those that stand there would mislead
    for (const each of form.querySelectorAll("[data-figure], [data-cell]")) each.textContent = "–";
    one(".faults").replaceChildren();
    say("");
  }

  async function recompute() {
    const isLockChanged = rows.some(({ lock }, k) => lock.checked !== first[k][1]), number = ++asked;
    const isOwn = isLockChanged || rows.some(({ units }, k) => units.value !== first[k][0]);
    const orders = Object.fromEntries(rows.map(({ asset, units }) => [asset, numberOf(units.value)]));
    const sent = Object.fromEntries(Object.entries(orders).filter(([, units]) => units));
    const locked = rows.filter(({ lock }) => lock.checked).map(({ asset }) => asset);
    Object.assign(form.elements.orders, { value: JSON.stringify(sent), disabled: !isOwn });
    Object.assign(form.elements.locked, { value: JSON.stringify(locked), disabled: !locked.length });
    Object.assign(form.elements.reason, { disabled: !isOwn, required: isOwn });
    one("[data-why]").hidden = !isOwn;
    one("[data-undo]").disabled = !earlier.length;
    one("[data-reset]").disabled = JSON.stringify(last) === JSON.stringify(first);
    one("[data-again]").disabled = !isLockChanged;
    one("[data-issue]").disabled = true;
    clearTimeout(telling);
    for (const each of rows) {
      each.units.disabled = each.lock.checked || each.units.title !== "";
      mark(each, Number.isNaN(orders[each.asset]) ? "It is no number. Write units, such as 100 or -25." : "");
    }
    if (Object.values(orders).some(Number.isNaN)) return blank();
    try {
      const found = await api("POST", form.dataset.recompute, { sheet: form.dataset.sheet, orders, stale_ok: true, locked: query.getAll("locked"), ...(day && { as_of: day }) });
      if (number === asked) write(found);
    } catch (error) {
      if (number !== asked) return;
      blank();
      for (const each of error.mistakes ?? []) mark(rows.find(({ asset }) => pointer(asset) === each.field), `${each.detail}. ${each.mend}`);
      if (!error.mistakes?.length) say(error.message, true);
    }
  }

  function restore(to) {
    to.forEach(([units, isLocked, isHidden], k) => {
      Object.assign(rows[k].units, { value: units });
      rows[k].lock.checked = isLocked;
      rows[k].row.hidden = isHidden;
    });
    last = to;
    recompute();
  }

  form.addEventListener("input", ({ target: field }) => {
    if (field.matches("[data-lock]:checked")) one("[data-units]", field.closest("tr")).value = "";
    if (!field.matches("[data-lock], [data-units]")) return;
    earlier.push(last);
    last = state();
    recompute();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("[data-units]")) event.preventDefault(); // which would issue the list
  });
  one("#add-line")?.addEventListener("change", ({ target: select }) => {
    const added = rows.find(({ asset }) => asset === select.value);
    select.value = "";
    added.row.hidden = false;
    added.units.focus();
  });
  one("[data-undo]").addEventListener("click", () => restore(earlier.pop()));
  one("[data-reset]").addEventListener("click", () => { earlier.push(last); restore(first); });
  one("[data-again]").addEventListener("click", () => {
    const again = rows.filter(({ lock }) => lock.checked).map(({ asset }) => ["locked", asset]);
    location.search = new URLSearchParams([...again, ...(day ? [["as_of", day]] : [])]);
  });
});
