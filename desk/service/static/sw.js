// The service worker: pages that were kept, while the server is not reached, and messages. kept.js stands before it.
// It answers no other request, and stores nothing itself.

const INERT = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate" && request.method === "GET") event.respondWith(fetch(request).catch(() => offline(new URL(request.url).pathname)));
});

async function offline(path) {
  const why = navigator.onLine ? "The server does not answer." : "You are offline.";
  let told = "This page is not kept on this device.";
  try {
    const page = await keptPage(path);
    const shown = page && `<p class="state stale" role="status">As of ${ageOf(page.at)}. ${why} Nothing can be changed now.</p>`;
    if (page) return inert(page.html.replace("<!--kept-->", () => shown), 200);
  } catch {
    told = "What this device kept of this page was changed or damaged, and is not shown.";
  }
  const style = "<style>body{font:17px/1.5 system-ui,sans-serif;max-width:34em;margin:2em auto;padding:0 1em;color-scheme:light dark}</style>";
  return inert(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Offline</title>${style}<main><h1>${why}</h1><p>${told}</p><p><a href="/">Go to your portfolios</a></p></main></html>`, 503);
}

const inert = (html, status) =>
  new Response(html, { status, headers: { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": INERT, "Cache-Control": "no-store" } });

// "26 November at 09:14, 2 hours ago"
function ageOf(at) {
  const minutes = Math.max(0, Math.round((Date.now() - at) / 60_000));
  const [count, unit] = minutes < 60 ? [minutes, "minute"] : minutes < 2_880 ? [Math.round(minutes / 60), "hour"] : [Math.round(minutes / 1_440), "day"];
  const then = new Date(at).toLocaleString("en-GB", { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" });
  return `${then}, ${count ? new Intl.RelativeTimeFormat("en").format(-count, unit) : "less than a minute ago"}`;
}

self.addEventListener("push", (event) => {
  let message = { title: "Something waits for you", text: "", path: "/" }; // a browser wants each message shown
  try {
    message = { ...message, ...event.data.json() };
  } catch {}
  const { title, text, path } = message;
  event.waitUntil(self.registration.showNotification(title, { body: text, tag: path, data: path, icon: "/static/icon-192.png" }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(new URL(event.notification.data, location.origin)));
});

async function show(url) {
  if (url.origin !== location.origin) return;
  const open = (await clients.matchAll({ type: "window" })).find((each) => new URL(each.url).pathname === url.pathname);
  await (open ? open.focus() : clients.openWindow(url.pathname)); // another page may hold what somebody is typing
}
