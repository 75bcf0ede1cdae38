// Zones drawn on a room's geometry, and the progress of a push. The two lists of the form are the truth: what is drawn is
// read from them and written to them, so everything can be done without this script.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg", KINDS = ["include", "exclude"], FINGER_PX = 11, DIGITS = 1e4;
  const by = (id) => document.getElementById(id);
  const svg = by("room"), form = by("zones"), layer = by("room-zones"), tools = by("tools");
  if (svg && form) draw();
  if (by("push")) follow();

  function draw() {
    const height = svg.viewBox.baseVal.height, effect = by("effect");
    let zones = [], draft = [], chosen = null, dragging = false;

    const clamp = (value) => Math.round(Math.min(1, Math.max(0, value)) * DIGITS) / DIGITS;
    const line = (points) => points.map(([x, y]) => `${x},${y}`).join(" ");
    const kind = () => tools.querySelector("input[name=kind]:checked").value;

    // What a line says; null where it says nothing that can be drawn: then it is left as it is.
    function corners(text) {
      const found = text.trim().split(/\s+/).map((each) => /^(-?\d*\.?\d*),(-?\d*\.?\d*)$/.exec(each));
      const points = found.map((each) => each && [Number.parseFloat(each[1]), Number.parseFloat(each[2])]);
      const isGood = points.every((each) => each && each.every(Number.isFinite));
      return isGood ? points.map((each) => each.map(clamp)) : null;
    }

    function read() {
      zones = KINDS.flatMap((name) => by(name).value.split("\n").filter((text) => text.trim())
        .map((text) => ({ kind: name, text, points: corners(text) })));
      chosen = null;
      show();
    }

    function write() {
      for (const name of KINDS) {
        const own = zones.filter((each) => each.kind === name);
        by(name).value = own.map((each) => (each.points ? line(each.points) : each.text)).join("\n");
      }
      show();
    }

    function make(tag, attributes) {
      const made = document.createElementNS(SVG, tag);
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      return made;
    }

    const scaled = (points) => points.map(([x, y]) => `${x * 1000},${y * height}`).join(" ");

    function show() {
      const made = zones.filter((each) => each.points)
        .map((each) => make("polygon", { class: `zone ${each.kind}`, points: scaled(each.points) }));
      if (draft.length) made.push(make("polyline", { class: `zone ${kind()}`, points: scaled(draft) }));
      zones.forEach((each, zone) => (each.points || []).forEach((point, corner) => made.push(dot(point, zone, corner))));
      draft.forEach((point, corner) => made.push(dot(point, -1, corner)));
      layer.replaceChildren(...made);
      if (!dragging) tell();
    }

    function dot([x, y], zone, corner) {
      const isChosen = chosen && chosen.zone === zone && chosen.corner === corner;
      const name = isChosen ? "corner chosen" : "corner", r = (FINGER_PX * 1000) / svg.clientWidth;
      return make("circle", { class: name, cx: x * 1000, cy: y * height, r, "data-zone": zone, "data-corner": corner });
    }

    // The same rule as the box: the middle of a face, even-odd.
    function inside(x, y, points) {
      let isIn = false;
      points.forEach(([x1, y1], i) => {
        const [x2, y2] = points[(i + 1) % points.length];
        if ((y1 > y) !== (y2 > y) && x < x1 + ((y - y1) * (x2 - x1)) / (y2 - y1)) isIn = !isIn;
      });
      return isIn;
    }

    function tell() {
      const of = (name) => zones.filter((each) => each.kind === name && each.points && each.points.length > 2);
      const include = of("include"), exclude = of("exclude"), count = { aside: 0, back: 0 };
      for (const face of svg.querySelectorAll("[data-kind]")) {
        const x = Number(face.dataset.x), y = Number(face.dataset.y), isIn = (each) => inside(x, y, each.points);
        const counts = (!include.length || include.some(isIn)) && !exclude.some(isIn);
        const goes = face.dataset.kind === "place" ? !counts : face.dataset.kind === "excluded" && counts;
        face.classList.toggle("goes", goes);
        if (goes) count[face.dataset.kind === "place" ? "aside" : "back"] += 1;
      }
      if (!effect) return;
      for (const each of effect.querySelectorAll("[data-count]")) each.textContent = count[each.dataset.count];
    }

    function finish() {
      if (draft.length > 2) zones.push({ kind: kind(), text: "", points: draft });
      draft = [];
      chosen = null;
      write();
    }

    function cancel() {
      draft = [];
      chosen = null;
      show();
    }

    function remove() {
      if (!chosen) return;
      const points = chosen.zone < 0 ? draft : zones[chosen.zone].points;
      points.splice(chosen.corner, 1);
      if (chosen.zone >= 0 && points.length < 3) zones.splice(chosen.zone, 1);
      chosen = null;
      write();
    }

    function place(event) {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [clamp(point.x / 1000), clamp(point.y / height)];
    }

    svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const zone = event.target.dataset.zone;
      if (zone === undefined) return;
      chosen = { zone: Number(zone), corner: Number(event.target.dataset.corner) };
      if (chosen.zone < 0 && chosen.corner === 0 && draft.length > 2) return finish();
      dragging = true;
      svg.setPointerCapture(event.pointerId);
      show();
    });
    svg.addEventListener("pointermove", (event) => {
      if (!dragging) return;
      (chosen.zone < 0 ? draft : zones[chosen.zone].points)[chosen.corner] = place(event);
      show();
    });
    for (const name of ["pointerup", "pointercancel"]) {
      svg.addEventListener(name, () => {
        if (!dragging) return;
        dragging = false;
        write();
        svg.dataset.dragged = "1"; // the click that follows is no new corner
      });
    }
    svg.addEventListener("click", (event) => {
      const wasDragged = svg.dataset.dragged;
      delete svg.dataset.dragged;
      if (wasDragged || event.target.dataset.zone !== undefined) return;
      draft.push(place(event));
      chosen = null;
      show();
    });
    document.addEventListener("keydown", (event) => {
      if (event.target.closest("input, textarea, button, a, summary")) return;
      const act = { Delete: remove, Backspace: remove, Escape: cancel, Enter: finish }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
    by("done").addEventListener("click", finish);
    by("cancel").addEventListener("click", cancel);
    by("remove").addEventListener("click", remove);
    for (const name of KINDS) by(name).addEventListener("input", read);
    form.addEventListener("submit", finish);
    window.addEventListener("resize", show);
    tools.hidden = false;
    svg.classList.add("drawing");
    read();
  }

  // The page of a push, again each second until the push has come to its end.
  async function follow() {
    while (by("push").dataset.over === "0") {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      try {
        const answer = await fetch(location.href, { headers: { accept: "text/html" } });
        const text = answer.ok ? await answer.text() : "";
        const found = new DOMParser().parseFromString(text, "text/html").getElementById("push");
        if (!found) return;
        if (found.innerHTML !== by("push").innerHTML || found.dataset.over === "1") by("push").replaceWith(found);
      } catch {
        // the board is away: the next second, again
      }
    }
  }
})();
