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
