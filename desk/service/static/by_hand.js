// The table by which a portfolio is typed: rows, search, paste from a spreadsheet, and what the API reads of them. What is
// typed stays in this tab until the portfolio is made, so that nobody types it twice.
"use strict";

const WAIT = 250; // milliseconds without a letter, after which an instrument is searched
const ASSUMED = { costs: "what an order costs", fees: "the fee of an order", half_spread: "half the gap between buying and selling price", tracking_penalty: "the risk profile", materiality_bps: "what is worth a change to you", day_cost: "what a day with trades costs", cash: "interest on cash" };

const handForm = document.getElementById("by-hand"), keptAs = `typed-${handForm.dataset.user}`;
const [assets, monies] = [...handForm.querySelectorAll("table.typed")].map((table) => ({ body: table.tBodies[0], template: table.nextElementSibling, key: table.matches(".cash") ? "cash" : "rows" }));
const NUMBERS_TYPED = ["held", "target", "amount"];
const found = new Map(); // instruments by symbol

const cells = (row) => [...row.querySelectorAll("[data-key]")];
const valuesOf = (row) => Object.fromEntries(cells(row).map((cell) => [cell.dataset.key, cell.value.trim()]));
const isTyped = (row) => cells(row).some((cell) => cell.matches("input") && cell.dataset.key !== "currency" && cell.value.trim());
const COMMA_IS_DECIMAL = /^-?(\d{1,3}(\.\d{3})+,\d*|\d{1,3}(\.\d{3}){2,}|0,\d+|\d{4,},\d+|\d{1,3},(\d{1,2}|\d{4,}))$/;
const COMMA_IS_GROUP = /^-?\d{1,3}(,\d{3})+(\.\d*)?$/;
function numberOf(text) { // 1.234,56 and 12,5 and 1,234.5 are clear by themselves; 1,234 is read in English
  const plain = text.replace(/[\s'%]/g, "");
  const english = COMMA_IS_DECIMAL.test(plain) ? plain.replaceAll(".", "").replace(",", ".") : COMMA_IS_GROUP.test(plain) ? plain.replaceAll(",", "") : plain;
  return Number.isNaN(Number(english)) ? text : Number(english);
}

function addRow({ body, template }, values = {}) {
  const row = template.content.firstElementChild.cloneNode(true);
  body.append(row);
  for (const cell of cells(row)) if (values[cell.dataset.key] !== undefined) cell.value = values[cell.dataset.key];
  renumber();
  return row;
}

// Writes the rows into the fields that are sent, and beside each cell its place there, by which a mistake finds it.
function renumber() {
  for (const { body, key } of [assets, monies]) {
    const sent = [...body.rows].filter(isTyped).map((row, k) => {
      const values = {};
      for (const cell of cells(row)) {
        cell.dataset.at = `/${key}/${k}/${cell.dataset.key}`;
        const text = cell.value.trim();
        if (text) values[cell.dataset.key] = NUMBERS_TYPED.includes(cell.dataset.key) ? numberOf(text) : cell.dataset.key === "currency" ? text.toUpperCase() : text;
      }
      return values;
    });
    handForm.elements[key].value = sent.length ? JSON.stringify(sent) : "";
    if (key === "rows" && body.rows.length) [...body.rows].forEach((row, k) => (cells(row)[0].required = !k && !sent.length));
    [...body.rows].forEach((row, k) => {
      for (const cell of cells(row)) cell.setAttribute("aria-label", `${cell.getAttribute("aria-label").replace(/, row \d+$/, "")}, row ${k + 1}`);
      row.querySelector("[data-remove]").setAttribute("aria-label", `Remove row ${k + 1}`);
    });
  }
}

function keep() {
  renumber();
  const fields = [...handForm.elements].filter((field) => field.name && field.type !== "hidden").map((field) => [field.name, field.value]);
  sessionStorage.setItem(keptAs, JSON.stringify({ rows: [...assets.body.rows].map(valuesOf), cash: [...monies.body.rows].map(valuesOf), fields }));
}

function begin() {
  const kept = JSON.parse(sessionStorage.getItem(keptAs) || "{}"), start = JSON.parse(handForm.dataset.start);
  const rows = start.length ? start : kept.rows?.length ? kept.rows : [{}, {}, {}];
  for (const values of rows) addRow(assets, values);
  for (const values of kept.cash?.length ? kept.cash : [{ currency: "USD" }]) addRow(monies, values);
  for (const [name, value] of kept.fields || []) if (handForm.elements[name]) handForm.elements[name].value = value;
}

let searching = 0;
async function search(text) {
  const answer = await api("GET", `/api/market/instruments?search=${encodeURIComponent(text)}`).catch(() => []);
  for (const one of answer) found.set(one.symbol, one);
  const options = answer.map((one) => Object.assign(document.createElement("option"), { value: one.symbol, label: [one.name, one.isin].filter(Boolean).join(", ") }));
  document.getElementById("instruments").replaceChildren(...options);
}

// A copied block: its columns go into the cells from this one on, its rows into the rows below.
function paste(event) {
  const text = event.clipboardData.getData("text").trimEnd();
  const cell = event.target.closest("[data-key]"), row = cell?.closest("tr");
  if (!row || !/[\t\n]/.test(text)) return;
  event.preventDefault();
  const table = assets.body.contains(row) ? assets : monies, from = cells(row).indexOf(cell);
  const columns = table === assets ? ["symbol", "held", "target", "asset_class", "currency"] : ["currency", "amount"];
  const first = columns.indexOf(cells(row)[from].dataset.key);
  text.split("\n").forEach((line, k) => {
    const at = row.rowIndex - 1 + k, into = table.body.rows[at] || addRow(table);
    line.replace("\r", "").split("\t").forEach((value, j) => {
      const to = into.querySelector(`[data-key="${columns[Math.max(first, 0) + j]}"]`);
      const option = to?.matches("select") && [...to.options].find((each) => [each.value, each.text].some((word) => word.toLowerCase() === value.trim().toLowerCase()));
      if (to) to.value = to.matches("select") ? option?.value ?? "" : value.trim();
    });
  });
  keep();
}

const cellOf = (text, tag = "td") => Object.assign(document.createElement(tag), { textContent: text });
const amountOf = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en-US", { maximumFractionDigits: 6 }));

// What the API read: a table of its rows, its notes, and what nobody stated.
function showRead(form, answer) {
  const table = Object.assign(document.createElement("table"), { className: "list" });
  table.createCaption().textContent = "What was read";
  const head = table.createTHead().insertRow(), heads = ["Row", "What it is", "Units or amount", "Value"];
  head.append(...heads.map((text) => Object.assign(cellOf(text, "th"), { scope: "col" })));
  const body = table.createTBody();
  const rows = [...answer.held.map((each) => [each.row, each.asset, each.units, each.value]), ...answer.cash.map((each) => [each.row, `Cash, ${each.currency}`, each.amount, each.amount])];
  for (const [number, what, units, value] of rows.sort((a, b) => a[0] - b[0])) {
    const line = body.insertRow();
    line.append(...[`${number}`, what, amountOf(units), amountOf(value)].map((text) => cellOf(text)));
    [...line.cells].forEach((each, k) => (each.dataset.label = heads[k]));
  }
  const notes = document.createElement("ul");
  const assumed = (answer.assumed || []).map((key) => ASSUMED[key] || key);
  const said = [...answer.notes, ...(assumed.length ? [`Assumed, since nobody stated it: ${assumed.join("; ")}.`] : [])];
  notes.append(...said.map((text) => cellOf(text, "li")));
  form.querySelector("[data-read]").replaceChildren(...(rows.length ? [table] : []), notes);
  say("Nothing is wrong: what was read stands below.");
}

async function preview(button) {
  const form = button.form, [method, path] = button.dataset.preview.split(" ");
  if (!form.reportValidity()) return;
  button.disabled = true;
  form.querySelector("[data-read]").replaceChildren();
  tell(form, null);
  try {
    const { client, ...body } = bodyOf(form);
    showRead(form, await api(method, path, body));
  } catch (error) {
    if (error.mistakes === undefined) throw error;
    tell(form, error);
  } finally {
    button.disabled = false;
  }
}

begin();
handForm.addEventListener("input", ({ target }) => {
  keep();
  if (target.dataset.key !== "symbol" || !target.value.trim()) return;
  clearTimeout(searching);
  searching = setTimeout(() => search(target.value.trim()), WAIT);
});
handForm.addEventListener("change", ({ target }) => {
  keep();
  const one = target.dataset.key === "symbol" && found.get(target.value.trim().toUpperCase());
  if (!one) return;
  for (const key of ["asset_class", "exchange"]) { // the words of what is known, where a person chooses nothing
    const select = target.closest("tr").querySelector(`[data-key="${key}"]`), known = select.querySelector(`option[value="${one[key]}"]`);
    if (known) select.options[0].text = `${known.value ? known.text : "as known"}`;
  }
  target.closest("tr").querySelector('[data-key="currency"]').placeholder = one.currency;
});
handForm.addEventListener("paste", paste);
handForm.addEventListener("click", ({ target }) => {
  if (target.matches("[data-add]")) cells(addRow(target.closest("p").previousElementSibling.previousElementSibling.matches(".cash") ? monies : assets))[0].focus();
  if (target.matches("[data-remove]")) {
    const row = target.closest("tr"), next = row.nextElementSibling || row.previousElementSibling;
    row.remove();
    (next ? cells(next)[0] : handForm.querySelector("[data-add]")).focus();
    keep();
  }
});
handForm.addEventListener("keydown", (event) => { // Enter in a cell goes on to the next row, and sends nothing
  const row = event.key === "Enter" && event.target.matches("input[data-key]") && event.target.closest("tr");
  if (!row) return;
  event.preventDefault();
  const table = assets.body.contains(row) ? assets : monies, column = cells(row).indexOf(event.target);
  cells(row.nextElementSibling || addRow(table))[column].focus();
});
handForm.addEventListener("sent", () => sessionStorage.removeItem(keptAs));
document.addEventListener("click", ({ target }) => { if (target.matches("[data-preview]")) preview(target); });
new MutationObserver(() => { // mistakes were written: those of prices have a way of their own
  const without = [...handForm.querySelectorAll(".mistake")].filter((line) => line.textContent.startsWith("It is without prices")).map((line) => line.dataset.found);
  const told = handForm.querySelector("[data-lacking]");
  if (told.hidden !== !without.length) told.hidden = !without.length;
  if (!without.length || told.dataset.of === without.join()) return;
  told.dataset.of = without.join();
  told.querySelector("span").textContent = without.join(", ");
  told.querySelector("a").href = `/prices?symbols=${encodeURIComponent(without.join())}`;
}).observe(handForm, { childList: true, subtree: true });
