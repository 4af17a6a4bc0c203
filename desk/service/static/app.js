// What every page does: load its panels, and send its forms to the API.
"use strict";

const BY_SCRIPT = { "X-Requested-With": "page" };
const FAILED = '<div class="state failed unanswered" role="alert"><p></p><button type="button" data-retry>Try again</button></div>';

// One message a page, read out by a screen reader.
function say(text, isBad = false) {
  const line = document.getElementById("message");
  line.textContent = text;
  line.classList.toggle("bad", isBad);
}

// ---- panels: <section data-load="/path"> is filled by what that path answers, <details data-load> once it opens ----

async function load(panel) {
  panel.setAttribute("aria-busy", "true");
  let text = FAILED, problem = "";
  try {
    const answer = await fetch(panel.dataset.load, { headers: BY_SCRIPT });
    if (answer.status === 401) return location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
    if (answer.headers.get("Content-Type").includes("json")) problem = (await answer.json()).detail; // no page of ours
    else text = await answer.text();
  } catch {
    problem = "The server does not answer.";
  }
  const title = panel.firstElementChild, isUsed = title !== document.activeElement && panel.contains(document.activeElement);
  while (title.nextSibling) title.nextSibling.remove();
  title.insertAdjacentHTML("afterend", text);
  if (problem) panel.querySelector("p").textContent = problem;
  if (isUsed) { // what had the focus is gone
    if (title.tabIndex < 0) title.tabIndex = -1;
    title.focus({ preventScroll: true });
  }
  panel.setAttribute("aria-busy", "false");
  panel.dispatchEvent(new CustomEvent("loaded", { bubbles: true }));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-retry]");
  if (button) load(button.closest("[data-load]"));
  reveal(event.target.closest("a")?.hash);
});
document.addEventListener("toggle", ({ target }) => { if (target.open && target.dataset.load && !target.ariaBusy) load(target); }, true);

// Opens the closed panel of this id, or of which a part has it.
function reveal(hash) {
  const panel = hash && document.querySelector(`details[id="${CSS.escape(hash.slice(1))}"], details[data-parts~="${CSS.escape(hash.slice(1))}"]`);
  if (panel) panel.open = true;
}

// ---- forms: <form method="dialog" data-api="POST /api/path" data-then="/path/{id}"> --------------------------------
// The method keeps a browser, until this script has come, from sending what is filled in, a password too, by the address.
// Each field is a key of the JSON by its name; data-kind says of which type: number, numbers (by commas), json, list (of
// lines). Fields that are empty are left out. data-text says that the field `text` is the whole body, and of which type.
// `{name}` of data-then is a key of the answer; "" stays on the page, says data-said, and with data-reload loads the panel
// of this id, or that in which the form stands, again.

function bodyOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || ((field.type === "radio" || field.type === "checkbox") && !field.checked)) continue;
    const kind = field.dataset.kind || (field.type === "checkbox" && field.value === "on" ? "flag" : "");
    if (kind === "flag") body[field.name] = true;
    else if (kind === "many") (body[field.name] ||= []).push(field.value);
    else if (field.value === "") continue;
    else if (kind === "number") body[field.name] = Number(field.value);
    else if (kind === "json") body[field.name] = JSON.parse(field.value);
    else if (kind === "numbers") body[field.name] = field.value.split(",").map(Number);
    else if (kind === "list") body[field.name] = field.value.split("\n").map((line) => line.trim()).filter(Boolean);
    else body[field.name] = field.value;
  }
  for (const name of Object.keys(body).filter((key) => key.includes("/"))) { // a/b: the key b of the object a
    const [of, key] = name.split("/");
    (body[of] ||= {})[key] = body[name];
    delete body[name];
  }
  return body;
}

// The answer of the API, or an Error with its sentence, `mistakes` and `status`.
async function api(method, path, body, headers = {}) {
  const options = { method, headers: { ...BY_SCRIPT, ...headers } };
  if (body !== undefined) {
    options.headers["Content-Type"] ||= "application/json";
    options.body = typeof body === "string" ? body : JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw Object.assign(new Error("The server does not answer: try again."), { mistakes: [], status: 0 });
  }
  const isJson = answer.status !== 204 && (answer.headers.get("Content-Type") || "").includes("json");
  const found = isJson ? await answer.json() : await answer.text();
  if (answer.ok) return found;
  throw Object.assign(new Error(found.detail || answer.statusText), { mistakes: found.errors || [], status: answer.status });
}

const sentence = ({ detail, mend }, before = "") => `${before && `${before}: `}${detail.replace(/\.$/, "")}. ${mend}`;
const inFile = ({ detail, value, mend }) => sentence({ detail: value === null ? detail : `${detail}, found ${value}`, mend });

function tell(form, error) {
  for (const old of form.querySelectorAll(".mistake")) old.remove();
  for (const field of form.elements) field.removeAttribute("aria-invalid");
  const others = [];
  for (const each of error ? error.mistakes : []) {
    const raw = form.dataset.text ? form.elements.namedItem("text") : null; // a whole file, whose places are not fields
    const ownRow = form.querySelector(`[data-at="${CSS.escape(each.field)}"]`); // a field of a row that is typed
    const field = raw ?? ownRow ?? form.elements.namedItem(each.field.slice(1)) ?? form.elements.namedItem(each.field.split("/").pop());
    const isFile = !raw && /, row \d+/.test(each.detail); // a mistake of a file begins with its place
    const text = raw ? sentence(each, each.field) : isFile ? inFile(each) : `It is ${sentence(each)}`;
    if (!(field instanceof HTMLElement) || field.type === "hidden") { others.push(sentence(each, each.field)); continue; }
    const line = Object.assign(document.createElement("p"), { className: "mistake", textContent: text, id: `mistake-${field.name}-${form.querySelectorAll(".mistake").length}` });
    line.dataset.found = each.value ?? "";
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", line.id);
    field.parentNode.append(line);
  }
  const list = form.querySelector(".mistakes"); // of many, which have no field of their own
  list?.replaceChildren(...others.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  const message = error?.mistakes.length ? "This was not accepted: correct what is marked below." : error?.message;
  if (error) say(list || !others.length ? message : others.join(" "), true);
  form.querySelector('[aria-invalid="true"]')?.focus();
}

async function send(form) {
  const given = bodyOf(form);
  const [method, path] = form.dataset.api.split(" ").map((word) => word.replace(/\{(\w+)\}/g, (_, key) => {
    const value = given[key]; // a field that stands in the address
    delete given[key];
    return encodeURIComponent(value);
  }));
  const buttons = [...form.querySelectorAll("button")];
  buttons.forEach((button) => (button.disabled = true));
  tell(form, null);
  const headers = form.dataset.match ? { "If-Match": form.dataset.match } : {};
  let [body, to] = [given, path];
  if (form.dataset.text) { // its field `text` is the body, of this type; the others go with the address
    const { text, ...others } = body;
    [body, to, headers["Content-Type"]] = [text, `${path}?${new URLSearchParams(others)}`, form.dataset.text];
  }
  try {
    const answer = await api(method, to, body, headers);
    form.dispatchEvent(new CustomEvent("sent", { bubbles: true, detail: answer }));
    const { then, said, reload } = form.dataset;
    if (then) location.assign(then.replace(/\{(\w+)\}/g, (_, key) => encodeURIComponent(answer[key])));
    else say(said || "Done.");
    if (reload !== undefined) load(document.getElementById(reload) || form.closest("[data-load]"));
  } catch (error) {
    if (error.mistakes === undefined) throw error;
    if (error.status === 401 && document.querySelector(".top nav")) error.message = "Your session has ended: sign in in another tab, then send this again.";
    tell(form, error);
  } finally {
    buttons.forEach((button) => (button.disabled = false));
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.dataset.api) return;
  event.preventDefault();
  send(event.target);
});

for (const field of document.querySelectorAll("[data-from-hash]")) field.value = decodeURIComponent(location.hash.slice(1));
for (const panel of document.querySelectorAll("[data-load]:not(details)")) load(panel);
reveal(location.hash);
