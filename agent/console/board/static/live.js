// Keeps a page as it is now: puts in what the server has rendered, in its place. Nothing else is ever parsed as HTML.
"use strict";

const SILENT_MS = 20000; // the server says something every ten seconds
const RESTED_MS = 60000; // a pointer or a focus that rests for that long keeps no tile in its place any more
const body = document.body;
const lost = document.getElementById("lost");
let at = body.dataset.at; // what this page shows: "<start of the server>:<picture>"
let up = body.dataset.up === "1"; // the server reaches the broker
let heard = performance.now();
let skew = 0; // the server's clock against this one, ms

// --- The stream

function connect() {
  const source = new EventSource(`${body.dataset.live}?at=${encodeURIComponent(at)}`);
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
  source.addEventListener("reload", () => location.reload());
  // The browser comes back by itself, but not after an answer that is no stream: a proxy's error, or signed out.
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(again, 5000);
  };
}

/** Whoever is not signed in any more is sent to where one signs in. */
function again() {
  fetch(location.href, { method: "HEAD", redirect: "manual" })
    .then((answer) => (answer.type === "opaqueredirect" ? location.reload() : connect()))
    .catch(() => setTimeout(again, 5000));
}

function take(news) {
  up = news.up;
  if (news.title) document.title = news.title;
  for (const [id, html] of Object.entries(news.panels)) {
    const panel = document.getElementById(id);
    if (panel && panel.innerHTML !== html) panel.innerHTML = html;
    if (panel) ages(panel);
  }
  if (sites) patch(news);
  tell();
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
  ages(document);
  tell();
  if (clock) clock.textContent = new Date(Date.now() + skew + clock.dataset.offset * 1000).toISOString().slice(11, 19);
}

// --- The sites: element, key of the order, text to search, by the tile's id

const sites = document.getElementById("sites");
const filter = document.getElementById("filter");
const tiles = new Map();
const moved = new Set(); // tiles that are not in their place yet
const worse = []; // names of sites that have got worse, to be read aloud
let touched = -RESTED_MS;

function entry(element) {
  const text = `${element.querySelector("h3").textContent} ${element.id.slice(2)} ${element.querySelector(".path")?.textContent ?? ""}`;
  return { element, key: JSON.parse(element.dataset.o), text: folded(text), state: element.classList[1].slice(2) };
}

/** Without marks and in small letters, so that "hai duong" finds Hải Dương; the server does the same. */
function folded(text) {
  return text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replaceAll("đ", "d");
}

function patch(news) {
  const fresh = document.createElement("template");
  fresh.innerHTML = news.tiles.map(([, html]) => html).join("");
  ages(fresh.content);
  for (const [id, level, html] of news.groups) if (String(level) === sites.dataset.by) head(id, html);
  for (const element of [...fresh.content.children]) put(element);
  for (const site of news.gone) remove(`t-${site}`);
  document.getElementById("nobody")?.remove();
  arrange();
}

function put(element) {
  const old = tiles.get(element.id);
  const groups = element.dataset.g.split(" ");
  if (sites.dataset.group && !groups.includes(sites.dataset.group)) return remove(element.id);
  const made = entry(element);
  const list = listOf(groups);
  element.hidden = !isIn(made);
  tiles.set(element.id, made);
  if (old && old.element.parentNode === list) {
    const focused = old.element.contains(document.activeElement);
    old.element.replaceWith(element);
    if (focused) element.querySelector("a").focus({ preventScroll: true });
    if (moved.delete(old.element) || compare(old, made)) moved.add(element);
    if (made.state !== old.state && made.key[0] < old.key[0]) worse.push(element.querySelector("h3").textContent);
  } else {
    old?.element.remove();
    list.append(element);
    moved.add(element);
  }
}

function remove(id) {
  tiles.get(id)?.element.remove();
  tiles.delete(id);
}

function listOf(groups) {
  const by = sites.dataset.by;
  const id = by === "" ? "" : groups[Math.min(by, groups.length - 1)];
  return (id ? section(id) : sites.querySelector(".group:not([id])") ?? section("")).lastElementChild;
}

function section(id) {
  const known = id && document.getElementById(`g-${id}`);
  if (known) return known;
  const made = document.createElement("section");
  made.className = "group";
  if (id) made.id = `g-${id}`;
  for (const name of ["head", "tiles"]) made.append(Object.assign(document.createElement("div"), { className: name }));
  sites.append(made);
  return made;
}

function head(id, html) {
  section(id).firstElementChild.innerHTML = html;
}

function compare(one, other) {
  for (let i = 0; i < one.key.length; i++) {
    if (one.key[i] !== other.key[i]) return one.key[i] < other.key[i] ? -1 : 1;
  }
  return 0;
}

/** Puts what has moved in its place, unless somebody points at the list: one sort, and one move for each moved tile. */
function arrange() {
  const busy = sites.matches(":hover") || sites.contains(document.activeElement);
  if (!moved.size || (busy && performance.now() - touched < RESTED_MS)) return;
  const lists = new Map();
  const focused = document.activeElement;
  for (const each of [...tiles.values()].sort(compare)) {
    const list = each.element.parentNode;
    if (lists.has(list)) lists.get(list).push(each.element);
    else lists.set(list, [each.element]);
  }
  for (const [list, elements] of lists) {
    let next = null;
    for (const element of elements.reverse()) {
      if (moved.has(element) && element.nextSibling !== next) list.insertBefore(element, next);
      next = element;
    }
  }
  let place = sites.firstElementChild;
  for (const list of lists.keys()) { // lists are in the order of their worst site
    if (list.parentNode === place) place = place.nextElementSibling;
    else sites.insertBefore(list.parentNode, place);
  }
  for (const each of sites.querySelectorAll(".group[id]")) if (!each.lastElementChild.firstElementChild) each.remove();
  moved.clear();
  if (sites.contains(focused) && focused !== document.activeElement) focused.focus({ preventScroll: true });
  count();
}

// --- Filter and search

let states = new Set();
let words = [];

function isIn(each) {
  return (!states.size || states.has(each.state)) && words.every((word) => each.text.includes(word));
}

function narrow() {
  const chosen = new FormData(filter);
  states = new Set(chosen.getAll("state"));
  words = folded(chosen.get("q")).split(/\s+/u).filter(Boolean);
  for (const each of tiles.values()) each.element.hidden = !isIn(each);
  count();
}

function count() {
  const shown = [...tiles.values()].filter((each) => !each.element.hidden).length;
  document.getElementById("matching").textContent = shown === tiles.size ? "" : `${shown} / ${tiles.size}`;
}

function chosen(event) {
  const query = new URLSearchParams([...new FormData(filter)].filter(([, value]) => value));
  const address = `${location.pathname}${query.size ? `?${query}` : ""}`;
  if (event.target.name === "by") return location.assign(address); // the server has the groups
  history.replaceState(null, "", address);
  sites.className = filter.elements.as.value || "grid";
  return narrow();
}

function key(event) {
  const isTyping = event.target.matches("input, select, textarea");
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    filter.elements.q.focus();
  } else if (sites.contains(event.target)) {
    const columns = getComputedStyle(event.target.closest(".tiles") ?? sites).gridTemplateColumns.split(" ").length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const links = [...sites.querySelectorAll(".tile:not([hidden]) h3 a")];
    const next = step && links[links.indexOf(event.target) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}

function readAloud() {
  if (!worse.length) return;
  const names = [...new Set(worse.splice(0))];
  document.getElementById("said").textContent =
    names.length > 3 ? `${names.length} điểm cầu xấu đi` : `Xấu đi: ${names.join(", ")}`;
}

if (sites) {
  for (const element of sites.querySelectorAll(".tile")) tiles.set(element.id, entry(element));
  filter.addEventListener("input", chosen);
  filter.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", key);
  for (const name of ["pointermove", "keydown", "focusin"]) {
    sites.addEventListener(name, () => { touched = performance.now(); }, { passive: true });
  }
  sites.addEventListener("pointerleave", arrange);
  setInterval(arrange, 5000);
  setInterval(readAloud, 10000);
  narrow();
}
setInterval(tick, clock ? 1000 : 5000);
tick();
connect();
