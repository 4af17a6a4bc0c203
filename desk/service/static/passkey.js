// Passkeys: the options that the API gives become a credential as JSON, which the API verifies.
"use strict";

// A passkey of this browser or key, registered by `options`.
async function create(options) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return (await navigator.credentials.create({ publicKey })).toJSON();
}

// The answer of a passkey to the challenge of `options`. how : more of the request, such as its mediation.
async function get(options, how = {}) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({ publicKey, ...how })).toJSON();
}

async function signIn(then, how) {
  const { options } = await api("POST", "/api/users/login/passkey/options");
  await api("POST", "/api/users/login/passkey", { credential: await get(options, how), cookie: true });
  location.assign(then);
}

async function add(form) {
  const { options } = await api("POST", "/api/users/passkeys/options");
  await api("POST", "/api/users/passkeys", { name: form.elements.name.value, credential: await create(options) });
  location.assign(form.dataset.passkey);
}

async function approve(path) { // by the answer to a challenge for this ticket alone
  const { options } = await api("POST", `${path}/options`);
  await api("POST", path, { credential: await get(options) });
  location.reload();
}

const tellPasskey = (error) => say(error.mistakes ? error.message : "No passkey was used, and nothing was done: try again.", true);
const offered = new AbortController(); // a passkey among the suggestions of the e-mail field, until the button is used

document.addEventListener("click", ({ target }) => {
  if (target.dataset.approve) approve(target.dataset.approve).catch(tellPasskey);
  if (!target.dataset.signIn) return;
  offered.abort();
  signIn(target.dataset.signIn).catch(tellPasskey);
});
document.addEventListener("submit", (event) => {
  if (!event.target.dataset.passkey) return;
  event.preventDefault();
  add(event.target).catch(tellPasskey);
});

const button = document.querySelector("[data-sign-in]");
if (button) globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.().then((can) => {
  if (can) return signIn(button.dataset.signIn, { mediation: "conditional", signal: offered.signal });
}).catch(() => {}); // who did not choose one signs in otherwise
