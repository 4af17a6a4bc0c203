// The pages that this browser keeps to be read offline. Page and service worker share it. Each page is sealed by AES-GCM
// with a key that no script can read out, bound to its user, its path and its moment. The server deletes all of it with
// the end of the session (Clear-Site-Data); here it ends after seven days, or where the clock was set back.
"use strict";

const KEPT = { pages: 20, life: 7 * 86_400_000, slack: 300_000, paths: /^\/(portfolios\/\w+|tickets|tickets\/\w+)?$/ }; // ms

const answered = (request) =>
  new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));

async function openKept() {
  const request = indexedDB.open("kept", 1); // another number, and what earlier versions kept is deleted
  request.onupgradeneeded = () => {
    for (const name of request.result.objectStoreNames) request.result.deleteObjectStore(name);
    request.result.createObjectStore("keys");
    request.result.createObjectStore("pages").createIndex("at", "at");
  };
  const db = await answered(request);
  db.onversionchange = () => db.close();
  return db;
}

async function forget(db) {
  const stores = db.transaction(["keys", "pages"], "readwrite");
  for (const name of stores.objectStoreNames) stores.objectStore(name).clear();
  return new Promise((resolve) => (stores.oncomplete = resolve));
}

// The key, with its user and when it was made and last seen; none, and nothing is kept any more, once it has ended.
async function keyAt(db, now) {
  const store = db.transaction("keys", "readwrite").objectStore("keys");
  const found = await answered(store.get("key"));
  if (!found) return null;
  if (now - found.made > KEPT.life || now < found.seen - KEPT.slack) return forget(db).then(() => null);
  store.put({ ...found, seen: Math.max(now, found.seen) }, "key");
  return found;
}

async function newKey(db, user, now) {
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const store = db.transaction("keys", "readwrite").objectStore("keys");
  const other = await answered(store.get("key")); // of another tab, made meanwhile
  const made = other || { user, key, made: now, seen: now };
  if (!other) store.put(made, "key");
  return made;
}

const bound = (user, path, at) => new TextEncoder().encode(JSON.stringify([user, path, at]));

async function keepPage(db, user, path, html) {
  const at = Date.now(), iv = crypto.getRandomValues(new Uint8Array(12));
  let found = await keyAt(db, at);
  if (found && found.user !== user) found = await forget(db);
  const { key } = found || (await newKey(db, user, at));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: bound(user, path, at) }, key, new TextEncoder().encode(html));
  const pages = db.transaction("pages", "readwrite").objectStore("pages");
  pages.put({ at, iv, sealed }, path);
  for (const old of (await answered(pages.index("at").getAllKeys())).slice(0, -KEPT.pages)) pages.delete(old);
}

// The page of a path and its moment, or null where none is kept. Raises an error where it was changed.
async function keptPage(path) {
  const db = await openKept();
  try {
    const found = await keyAt(db, Date.now());
    const page = found && (await answered(db.transaction("pages").objectStore("pages").get(path)));
    if (!page) return null;
    const opened = { name: "AES-GCM", iv: page.iv, additionalData: bound(found.user, path, page.at) };
    return { at: page.at, html: new TextDecoder().decode(await crypto.subtle.decrypt(opened, found.key, page.sealed)) };
  } finally {
    db.close();
  }
}
