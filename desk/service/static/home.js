// Rows that are not fresh are made anew, a few at a time; then what needs a person is read again.
"use strict";

const ROWS_AT_ONCE = 2;

async function renew(row) {
  row.setAttribute("aria-busy", "true");
  const answer = await fetch(row.dataset.row, { headers: BY_SCRIPT }).catch(() => null);
  const text = answer ? await answer.text() : "";
  const found = new DOMParser().parseFromString(answer?.ok ? `<table>${text}</table>` : text, "text/html");
  if (answer?.ok) return row.replaceWith(found.querySelector("tr"));
  const sentence = found.querySelector("p")?.textContent || "the server does not answer.";
  row.removeAttribute("aria-busy");
  row.querySelector("[data-age]").textContent = `Its figures could not be computed: ${sentence.replaceAll("`", "")}`;
  row.querySelector("[data-again]").hidden = false;
}

async function renewAll(rows) {
  const waiting = [...rows];
  if (!waiting.length) return;
  const work = async () => { while (waiting.length) await renew(waiting.shift()); };
  await Promise.all(Array.from({ length: ROWS_AT_ONCE }, work));
  const needs = document.getElementById("needs");
  needs.dataset.load = needs.dataset.later;
  load(needs);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-again]");
  if (button) renewAll([button.closest("[data-row]")]);
});

renewAll(document.querySelectorAll("[data-row]"));
