// A ticket is approved by a passkey, which answers a challenge for this ticket alone.
"use strict";

document.querySelector("[data-approve]").addEventListener("click", async ({ currentTarget: button }) => {
  const path = button.dataset.approve;
  button.disabled = true;
  try {
    const { options } = await api("POST", `${path}/options`);
    await api("POST", path, { credential: await get(options) });
    location.reload();
  } catch (error) {
    say(error.name === "NotAllowedError" ? "The passkey did not confirm: nothing is approved." : error.message, true);
    button.disabled = false;
  }
});
