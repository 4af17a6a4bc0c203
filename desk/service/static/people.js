// Sign-in by passkey, and answers that are shown once in place of their form.
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

async function passkeySignIn(then, how) {
  const { options } = await api("POST", "/api/users/login/passkey/options");
  await api("POST", "/api/users/login/passkey", { credential: await get(options, how), cookie: true });
  location.assign(then);
}

async function passkeyAdd(form) {
  const { options } = await api("POST", "/api/users/passkeys/options");
  await api("POST", "/api/users/passkeys", { name: form.elements.name.value, credential: await create(options) });
  location.assign(form.dataset.passkey);
}

const tellPasskey = (error) => say(error.mistakes ? error.message : "No passkey was used: try again, or sign in by password.", true);
let offered = new AbortController(); // a passkey among the suggestions of the e-mail field, until the button is used

document.addEventListener("click", (event) => {
  const { signIn, copy, print } = event.target.dataset;
  if (print !== undefined) window.print();
  if (copy) navigator.clipboard.writeText(document.querySelector(copy).innerText).then(() => say("Copied."));
  if (signIn === undefined) return;
  offered.abort();
  passkeySignIn(signIn).catch(tellPasskey);
});
document.addEventListener("submit", (event) => {
  if (!event.target.dataset.passkey) return;
  event.preventDefault();
  passkeyAdd(event.target).catch(tellPasskey);
});

const passkeyButton = document.querySelector("[data-sign-in]");
if (passkeyButton) globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.().then((can) => {
  if (can) return passkeySignIn(passkeyButton.dataset.signIn, { mediation: "conditional", signal: offered.signal });
}).catch(() => {}); // who did not choose one signs in otherwise
