// A file that is chosen is shown in the field that it fills, where it can be corrected.
"use strict";

// Brokers write UTF-8, UTF-16 or Windows-1252.
function decoded(bytes) {
  const isWide = bytes[0] === 0xff && bytes[1] === 0xfe;
  try {
    return new TextDecoder(isWide ? "utf-16le" : "utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

async function show(input) {
  const [file] = input.files || [];
  if (file) document.getElementById(input.dataset.into).value = decoded(new Uint8Array(await file.arrayBuffer()));
}

document.addEventListener("change", ({ target }) => show(target));
document.querySelectorAll("input[type=file]").forEach(show); // chosen before this script had come
