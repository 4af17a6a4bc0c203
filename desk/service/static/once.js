// Answers that are shown once, in place of their form.
"use strict";

// <form data-show="#id"> fills the parts of that place, <ol data-of="key">; <form data-go="key"> goes to that address.
document.addEventListener("sent", (event) => {
  const { show, go } = event.target.dataset;
  if (go) location.assign(event.detail[go]);
  if (!show) return;
  const place = document.querySelector(show);
  for (const part of place.querySelectorAll("[data-of]")) {
    const values = [event.detail[part.dataset.of]].flat();
    part.replaceChildren(...values.map((value) => Object.assign(document.createElement("li"), { textContent: value })));
  }
  event.target.hidden = true;
  place.hidden = false;
  place.focus();
});

document.addEventListener("click", ({ target }) => {
  if ("print" in target.dataset) window.print();
  if (target.dataset.copy) navigator.clipboard.writeText(document.querySelector(target.dataset.copy).innerText).then(() => say("Copied."));
});
