// Keeps a page as it is now: puts in what the server has rendered, in its place. Nothing else is ever parsed as HTML.
"use strict";

const SILENT_MS = 20000; // the server says something every ten seconds
const AGAIN_MS = 5000;
const MARKED_MS = 60000; // text that is marked for longer than that is not about to be copied
const body = document.body;
const lost = document.getElementById("lost");
let at = body.dataset.at; // what this page shows: "<start of the server>:<picture>"
let up = body.dataset.up === "1"; // the server reaches the broker
let heard = performance.now();
let skew = 0; // the server's clock against this one, ms
const shown = new Map(); // each panel's HTML, as the server has told it
const putOff = new Map(); // that of panels in which somebody is busy, and since when

// --- The stream

function connect() {
  const address = new URL(body.dataset.live, location.href);
  address.searchParams.set("at", at);
  const source = new EventSource(address);
  source.onmessage = (event) => {
    at = event.lastEventId;
    heard = performance.now();
    take(JSON.parse(event.data));
  };
  source.addEventListener("beat", (event) => {
    heard = performance.now();
    skew = Number(event.data) - Date.now();
    tell();
  });
  source.addEventListener("reload", () => {
    source.close();
    reload();
  });
  // The browser comes back by itself, but not after an answer that is no stream: a proxy's error, or signed out.
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(again, AGAIN_MS);
  };
}

/** Whoever is not signed in any more is sent to where one signs in. */
function again() {
  fetch(location.href, { method: "HEAD", redirect: "manual" })
    .then((answer) => (answer.type === "opaqueredirect" ? location.reload() : connect()))
    .catch(() => setTimeout(again, AGAIN_MS));
}

/** Once the server is there: a wall would stay on the browser's own error page for ever. A form begun is not lost. */
function reload() {
  const later = () => setTimeout(reload, AGAIN_MS);
  if (isBusy(body)) return later();
  return fetch(location.href, { method: "HEAD", redirect: "manual" })
    .then((answer) => (answer.ok || answer.type === "opaqueredirect" ? location.reload() : later()))
    .catch(later);
}

function take(news) {
  up = news.up;
  if (news.title) document.title = news.title;
  for (const [id, html] of Object.entries(news.panels)) show(id, html);
  document.dispatchEvent(new CustomEvent("news", { detail: news })); // sites.js
  tell();
}

// --- Panels

/** A panel's news, unless somebody is busy in it: then it comes when they have done. */
function show(id, html) {
  const panel = document.getElementById(id);
  const since = putOff.get(id)?.since ?? performance.now();
  putOff.delete(id);
  if (!panel || shown.get(id) === html) return;
  if (isBusy(panel) || (isMarked(panel) && performance.now() - since < MARKED_MS)) {
    putOff.set(id, { html, since });
    return;
  }
  shown.set(id, html);
  const focused = panel.contains(document.activeElement) ? document.activeElement : null;
  panel.innerHTML = html;
  ages(panel);
  if (focused) alike(panel, focused)?.focus({ preventScroll: true });
}

/** What has the place of something that was replaced: by its id, its address or its name. */
function alike(panel, old) {
  const name = ["id", "href", "name"].find((each) => old.getAttribute(each));
  return name && [...panel.querySelectorAll(old.localName)].find((each) => each.getAttribute(name) === old.getAttribute(name));
}

/** Whether somebody writes into a form there, or has. What only filters the page is none. */
function isBusy(within) {
  const fields = within.querySelectorAll("form[method=post] :is(input:not([type=hidden]), select, textarea)");
  return [...fields].some((field) => field === document.activeElement || isChanged(field));
}

function isChanged(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.options) return field.selectedIndex !== Math.max(0, [...field.options].findIndex((each) => each.defaultSelected));
  return field.value !== field.defaultValue;
}

/** Whether text in it is marked, to be copied perhaps. */
function isMarked(panel) {
  const marked = getSelection();
  return !marked.isCollapsed && panel.contains(marked.anchorNode);
}

/** Says that what is shown is old, and shows it as old. */
function tell() {
  const silent = performance.now() - heard > SILENT_MS;
  const words = silent
    ? "Mất kết nối với máy chủ, số liệu bên dưới đã cũ / Connection lost: what is shown is old"
    : up ? "" : "Máy chủ mất kết nối với MQTT broker, số liệu bên dưới đã cũ / The broker is away: what is shown is old";
  if (lost.textContent !== words) lost.textContent = words;
  lost.hidden = !words;
  body.classList.toggle("old", Boolean(words));
}

// --- Ages

const clocks = new WeakMap(); // what the server wrote, a time of day

function ages(within) {
  const now = Date.now() + skew;
  for (const each of within.querySelectorAll("time[datetime]")) {
    if (!clocks.has(each)) clocks.set(each, each.textContent);
    const text = `${clocks.get(each)} (${age(now - Date.parse(each.dateTime))})`;
    if (each.textContent !== text) each.textContent = text;
  }
}

function age(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s - (s % 5)} s`;
  if (s < 5400) return `${Math.floor(s / 60)} phút`;
  return s < 172800 ? `${Math.floor(s / 3600)} giờ` : `${Math.floor(s / 86400)} ngày`;
}

const clock = document.getElementById("clock"); // by the centre's time zone, wherever this screen hangs

function tick() {
  for (const [id, each] of [...putOff]) show(id, each.html);
  ages(document);
  tell();
  if (clock) clock.textContent = new Date(Date.now() + skew + clock.dataset.offset * 1000).toISOString().slice(11, 19);
}

setInterval(tick, clock ? 1000 : 5000);
tick();
document.addEventListener("DOMContentLoaded", connect); // whoever else listens for news is there by then
