// The list of sites: each tile in its place, the worst first, and what of it somebody wants to see. After live.js.
"use strict";

const RESTED_MS = 60000; // a pointer or a focus that rests for that long keeps no tile in its place any more
const sites = document.getElementById("sites");
const filter = document.getElementById("filter");
const tiles = new Map(); // by the tile's id: element, key of the order, text to search, state
const moved = new Set(); // tiles that are not in their place yet
const worse = []; // names of sites that have got worse, to be read aloud
let touched = -RESTED_MS;
let heads = new Map(); // of groups, as they are now told

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
  heads = new Map(news.groups.map(([id, , html]) => [id, html]));
  for (const [id, html] of heads) if (document.getElementById(`g-${id}`)) head(section(id), html);
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
  const element = tiles.get(id)?.element;
  const group = element?.closest(".group[id]");
  element?.remove();
  tiles.delete(id);
  if (group && !group.querySelector(".tile")) group.remove();
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
  if (heads.has(id)) head(made, heads.get(id));
  sites.append(made);
  return made;
}

function head(group, html) {
  const place = group.firstElementChild;
  const isFocused = place.contains(document.activeElement);
  place.innerHTML = html;
  if (isFocused) place.querySelector("a").focus({ preventScroll: true });
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

for (const element of sites.querySelectorAll(".tile")) tiles.set(element.id, entry(element));
filter.addEventListener("input", chosen);
filter.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", key);
for (const name of ["pointermove", "keydown", "focusin"]) {
  sites.addEventListener(name, () => { touched = performance.now(); }, { passive: true });
}
sites.addEventListener("pointerleave", arrange);
document.addEventListener("news", (event) => patch(event.detail));
setInterval(arrange, 5000);
setInterval(readAloud, 10000);
narrow();
