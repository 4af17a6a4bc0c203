// On the pages of who is signed in: keep what is shown to be read offline, and switch messages to this device.
"use strict";

const READ_BY = document.body.dataset.user; // of a page that is no error

// The page as it is shown, with its styles and without its scripts; nothing on it can be pressed.
async function shownPage() {
  const texts = [...document.styleSheets].map(({ href }) => fetch(href).then((answer) => answer.text())); // known to the browser
  const copy = document.documentElement.cloneNode(true), pictures = [...document.querySelectorAll("canvas")];
  for (const each of copy.querySelectorAll("canvas")) each.replaceWith(Object.assign(new Image(), { src: pictures.shift().toDataURL(), alt: "" }));
  for (const each of copy.querySelectorAll("script, link, noscript, details.panel:not([aria-busy])")) each.remove();
  for (const each of copy.querySelectorAll("button, input, select, textarea")) each.setAttribute("disabled", "");
  copy.querySelector("#message").replaceWith(document.createComment("kept")); // where the age will stand
  const style = document.createElement("style");
  style.textContent = (await Promise.all(texts)).join("\n");
  copy.querySelector("head").append(style);
  return `<!doctype html>\n${copy.outerHTML}`;
}

const notKept = (error) => console.warn("This page is not kept to be read offline.", error); // the disk is full, or the session over

async function keepShown(registration) {
  const db = await openKept(), before = localStorage.getItem("user");
  if (READ_BY && before && before !== READ_BY) { // somebody else's
    await forget(db);
    await (await registration.pushManager?.getSubscription())?.unsubscribe();
  }
  if (READ_BY) localStorage.setItem("user", READ_BY);
  let hasEnded = false; // the session
  db.onclose = () => (hasEnded = true); // the server has deleted all of it
  const keep = () => {
    if (!READ_BY || location.search || !KEPT.paths.test(location.pathname)) return;
    if (document.querySelector('[aria-busy="true"], .unanswered')) return;
    shownPage().then((page) => hasEnded || keepPage(db, READ_BY, location.pathname, page)).catch(notKept);
  };
  document.addEventListener("loaded", keep); // a panel
  document.addEventListener("visibilitychange", () => document.hidden && keep()); // with what its scripts changed
  document.addEventListener("sent", (event) => {
    if (!event.target.dataset.api?.includes("/users/logout")) return;
    hasEnded = true;
    forget(db).catch(notKept); // a browser that knows Clear-Site-Data has done so
  });
  keep();
}

// ---- messages: <input type="checkbox" data-push="key of the server"> ----------------------------------------------

const isOf = (subscription, key) => btoa(String.fromCharCode(...new Uint8Array(subscription.options.applicationServerKey))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "") === key;

async function pushSwitch(box) {
  const { pushManager } = await navigator.serviceWorker.ready, key = box.dataset.push, note = box.closest(".field").querySelector(".hint");
  if (!pushManager || !("Notification" in window)) return (note.textContent = "This browser takes no messages. On an iPhone or iPad, add this page to the home screen first.");
  let subscription = await pushManager.getSubscription();
  const registered = () => {
    const { endpoint, keys } = subscription.toJSON();
    return api("POST", "/api/push/subscriptions", { endpoint, keys, key });
  };
  box.checked = Boolean(subscription) && isOf(subscription, key);
  box.disabled = false;
  box.addEventListener("change", async () => {
    box.disabled = true;
    try {
      if (subscription && !box.checked) await api("DELETE", `/api/push/subscriptions/${(await registered()).id}`);
      await subscription?.unsubscribe(); // also one that was given an earlier key
      subscription = null;
      if (box.checked && (await Notification.requestPermission()) !== "granted") throw new Error("The browser blocks messages: allow them in its settings of this page.");
      if (box.checked) {
        subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
        await registered();
      }
      say(box.checked ? "Messages come to this device from now on." : "No more messages come to this device.");
    } catch (error) {
      box.checked = !box.checked && Boolean(subscription);
      say(error.message, true);
    }
    box.disabled = false;
  });
}

if (navigator.serviceWorker) {
  navigator.serviceWorker.register("/sw.js").then(keepShown).catch(notKept); // there is none on a page without TLS
  for (const box of document.querySelectorAll("[data-push]")) pushSwitch(box);
}
