"use strict";
// What a page carries packed (gzip in base64), unpacked.

const byId = (id) => document.getElementById(id);

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = characters.charCodeAt(at);
  return bytes;
}

async function unpacked(id) {
  const bytes = fromBase64(byId(id).textContent.trim());
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

function runPlotly(text) {
  const script = document.createElement("script");
  script.textContent = text;
  document.head.append(script);
}
