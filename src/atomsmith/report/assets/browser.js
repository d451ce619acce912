"use strict";
// The structure browser: a 3Dmol view on the left, a map of the structures by two properties on the right.
(() => {
  const root = document.getElementById("browser");
  const data = JSON.parse(document.getElementById("browser-data").textContent);
  const structures = data.structures;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  // ---- small helpers -------------------------------------------------------------------------------------------
  const make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key in node && key !== "list") node[key] = value; else node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  };
  const drawn = (tag, attributes = {}, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const choice = (label, options, selected, onChange) => {
    const select = make("select", { ariaLabel: label }, ...options.map((name, i) =>
      make("option", { value: String(i), textContent: name, selected: i === selected })));
    select.addEventListener("change", () => onChange(Number(select.value)));
    return make("label", {}, `${label} `, select);
  };
  const shown = (value) => value === null ? "–" : String(Number(value.toPrecision(5))).replace("-", "−");

  // ---- 3D view -------------------------------------------------------------------------------------------------
  const STYLES = ["balls and sticks", "space filling", "sticks"];
  const view = make("div", { className: "view", id: "browser-view" });
  const state = { current: 0, style: 0, repeat: 1, cell: true, turned: false };
  let viewer = null, extent = 0;
  const CAMERA = 150, HALF_ANGLE = Math.PI / 18;  // where 3Dmol's camera stands, and half its field of view
  const OBLIQUE = [-0.6022, -0.1280, -0.1638, 0.7708];  // quaternion: z upwards, seen from the right and from above

  const webgl = () => {
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
  };
  const background = () => getComputedStyle(document.documentElement).getPropertyValue("--paper").trim();

  const bonded = (atoms) => {
    // Only between elements that bond covalently; cells of metals stay balls.
    const information = atoms.map((atom) => data.elements[atom.elem]);
    const reach = 2 * data.bond_factor * Math.max(...information.map((e) => e.radius));
    const order = atoms.map((_, i) => i).sort((a, b) => atoms[a].x - atoms[b].x);
    for (let p = 0; p < order.length; p++) {
      const i = order[p], a = atoms[i];
      if (!information[i].bonds) continue;
      for (let q = p + 1; q < order.length && atoms[order[q]].x - a.x < reach; q++) {
        const j = order[q], b = atoms[j];
        if (!information[j].bonds) continue;
        const limit = data.bond_factor * (information[i].radius + information[j].radius);
        if ((a.x - b.x) ** 2 + (a.y - b.y) ** 2 + (a.z - b.z) ** 2 > limit * limit) continue;
        a.bonds.push(j); a.bondOrder.push(1);
        b.bonds.push(i); b.bondOrder.push(1);
      }
    }
  };

  const atomsOf = (structure) => {
    const atoms = [], n = structure.cell ? state.repeat : 1;
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) for (let k = 0; k < n; k++) {
      const shift = [0, 1, 2].map((x) => structure.cell
        ? i * structure.cell[0][x] + j * structure.cell[1][x] + k * structure.cell[2][x] : 0);
      structure.symbols.forEach((symbol, a) => atoms.push({
        elem: symbol, serial: atoms.length, index: atoms.length, atomIndex: a, bonds: [], bondOrder: [],
        x: structure.xyz[3 * a] + shift[0], y: structure.xyz[3 * a + 1] + shift[1], z: structure.xyz[3 * a + 2] + shift[2],
      }));
    }
    bonded(atoms);
    return atoms;
  };

  const drawCell = (cell) => {
    const corner = (i, j, k) => {
      const [x, y, z] = [0, 1, 2].map((d) => i * cell[0][d] + j * cell[1][d] + k * cell[2][d]);
      return { x, y, z };
    };
    const radius = 0.025 + 0.0012 * Math.max(...cell.map((vector) => Math.hypot(...vector)));
    const grey = dark.matches ? "#8a929b" : "#6e7781";
    const colours = ["#D55E00", "#009E73", "#0072B2"];  // a, b, c from the origin
    for (let axis = 0; axis < 3; axis++) for (let u = 0; u < 2; u++) for (let v = 0; v < 2; v++) {
      const from = [u, v], to = [u, v];
      from.splice(axis, 0, 0);
      to.splice(axis, 0, 1);
      viewer.addCylinder({ start: corner(...from), end: corner(...to), radius, fromCap: 1, toCap: 1,
        color: u === 0 && v === 0 ? colours[axis] : grey });
    }
  };

  const restyle = () => {
    for (const [symbol, e] of Object.entries(data.elements)) {
      const balls = { radius: (state.style === 1 ? 1.15 : 0.5) * e.radius, color: e.colour };
      const sticks = { radius: 0.11, color: e.colour };
      const style = state.style === 1 ? { sphere: balls }
        : state.style === 2 && e.bonds ? { stick: { ...sticks, radius: 0.16 } } : { sphere: balls, stick: sticks };
      viewer.setStyle({ elem: symbol }, style);
    }
  };

  const frame = (atoms, cell) => {
    // Centre on atoms and cell; zoom only when their size changes, so that the reader's own zoom and turn stay.
    const points = atoms.map((atom) => [atom.x, atom.y, atom.z]);
    for (let corner = 0; cell && state.cell && corner < 8; corner++) {
      points.push([0, 1, 2].map((d) => (corner & 1) * cell[0][d] + (corner >> 1 & 1) * cell[1][d] + (corner >> 2) * cell[2][d]));
    }
    const centre = [0, 1, 2].map((d) => {
      const values = points.map((point) => point[d]);
      return (Math.min(...values) + Math.max(...values)) / 2;
    });
    const radius = Math.max(2.5, ...points.map((point) => Math.hypot(...point.map((x, d) => x - centre[d])))) + 0.5;
    const now = viewer.getView();
    const zoom = Math.abs(radius / (extent || radius / 2) - 1) > 0.15;
    const distance = zoom ? CAMERA - radius / Math.tan(HALF_ANGLE) : now[3];
    const turn = cell && !state.turned ? OBLIQUE : now.slice(4);
    if (cell) state.turned = true;
    if (zoom) extent = radius;
    viewer.setSlab(-3 * radius, 3 * radius);
    viewer.setView([...centre.map((x) => -x), distance, ...turn]);
  };

  const draw3d = () => {
    if (viewer === null) return;
    const structure = structures[state.current], atoms = atomsOf(structure);
    viewer.removeAllModels(); viewer.removeAllShapes(); viewer.removeAllLabels();
    const model = viewer.addModel();
    model.addAtoms(atoms);
    restyle();
    if (structure.cell && state.cell) drawCell(structure.cell);
    viewer.setClickable({}, true, (atom) => {
      viewer.removeAllLabels();
      const place = [atom.x, atom.y, atom.z].map((x) => x.toFixed(3)).join(", ");
      viewer.addLabel(`${atom.elem} ${atom.atomIndex}  (${place}) Å`, { position: atom, fontSize: 12,
        backgroundColor: "#24292f", backgroundOpacity: 0.85, fontColor: "white", inFront: true });
      viewer.render();
    });
    frame(atoms, structure.cell);
    viewer.render();
  };

  // ---- map of properties ---------------------------------------------------------------------------------------
  const properties = data.properties, names = properties.map((p) => p.name);
  // Energy against volume where most structures have one, else against round or index.
  const telling = (name) => {
    const property = properties.find((p) => p.name === name);
    return property !== undefined && 2 * property.values.filter((v) => v !== null).length >= structures.length;
  };
  const place = (...wanted) => names.indexOf(wanted.find(telling) || "index");
  const axes = {
    x: place("volume (Å³/atom)", "round"), y: place("energy (eV/atom)", "largest force (eV/Å)", "number of atoms"), colour: 0,
  };
  const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const ramp = (t) => {
    const u = Math.min(Math.max(t, 0), 1) * 4, i = Math.min(Math.floor(u), 3), f = u - i;
    return `rgb(${VIRIDIS[i].map((v, c) => Math.round(v + f * (VIRIDIS[i + 1][c] - v))).join(",")})`;
  };
  const splits = [...new Set(structures.map((s) => s.split).filter((s) => s !== null))].sort();
  const colourings = ["type", ...(splits.length > 1 ? ["split"] : []), ...names];
  const svg = drawn("svg", { role: "img", "aria-label": "map of the structures" });
  const legend = make("div", { className: "bar bottom" });
  let points = [];

  const range = (values) => {
    const known = values.filter((v) => v !== null);
    let low = Math.min(...known), high = Math.max(...known);
    if (!known.length) { low = 0; high = 1; }
    if (low === high) { low -= 0.5; high += 0.5; }
    return [low, high];
  };
  const padded = ([low, high]) => [low - 0.05 * (high - low), high + 0.05 * (high - low)];
  const ticks = ([low, high], most) => {
    const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
    const list = [];
    for (let k = Math.ceil(low / step); k * step <= high; k++) list.push(Number((k * step).toPrecision(10)));
    return list;
  };

  const colours = () => {
    const kind = colourings[axes.colour];
    legend.replaceChildren();
    const swatch = (colour, text) => make("span", {}, make("span", { className: "swatch", style: `background:${colour}` }), text);
    if (kind === "type") {
      legend.append(...data.types.flatMap((t, i) => structures.some((s) => s.type === i)
        ? [swatch(data.palette[i % data.palette.length], t || "no type")] : []));
      return structures.map((s) => data.palette[s.type % data.palette.length]);
    }
    if (kind === "split") {
      legend.append(...splits.map((s, i) => swatch(data.palette[i], s)));
      return structures.map((s) => s.split === null ? "#8a929b" : data.palette[splits.indexOf(s.split)]);
    }
    const values = properties[names.indexOf(kind)].values, [low, high] = range(values);
    legend.append(shown(low), make("span", { className: "ramp",
      style: `background:linear-gradient(to right,${[0, 0.25, 0.5, 0.75, 1].map(ramp).join(",")})` }), shown(high), ` ${kind}`);
    return values.map((v) => v === null ? "#8a929b" : ramp((v - low) / (high - low)));
  };

  const drawMap = () => {
    const width = svg.clientWidth || 420, height = svg.clientHeight || 400;
    const box = { left: 62, right: width - 14, top: 14, bottom: height - 42 };
    const xs = properties[axes.x].values, ys = properties[axes.y].values;
    const xRange = padded(range(xs)), yRange = padded(range(ys));
    const px = (v) => box.left + (v - xRange[0]) / (xRange[1] - xRange[0]) * (box.right - box.left);
    const py = (v) => box.bottom - (v - yRange[0]) / (yRange[1] - yRange[0]) * (box.bottom - box.top);
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    for (const t of ticks(xRange, 5)) {
      svg.append(drawn("line", { class: "grid", x1: px(t), x2: px(t), y1: box.top, y2: box.bottom }),
        drawn("text", { x: px(t), y: box.bottom + 16, "text-anchor": "middle" }, shown(t)));
    }
    for (const t of ticks(yRange, 6)) {
      svg.append(drawn("line", { class: "grid", x1: box.left, x2: box.right, y1: py(t), y2: py(t) }),
        drawn("text", { x: box.left - 6, y: py(t) + 4, "text-anchor": "end" }, shown(t)));
    }
    svg.append(drawn("path", { class: "axis", fill: "none", d: `M${box.left},${box.top}V${box.bottom}H${box.right}` }),
      drawn("text", { x: (box.left + box.right) / 2, y: height - 8, "text-anchor": "middle" }, names[axes.x]),
      drawn("text", { transform: `translate(13,${(box.top + box.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, names[axes.y]));
    const fill = colours();
    points = [];
    structures.forEach((structure, i) => {
      if (xs[i] === null || ys[i] === null) return;
      const point = { i, x: px(xs[i]), y: py(ys[i]) };
      const circle = drawn("circle", { cx: point.x, cy: point.y, r: 4.2, fill: fill[i], "fill-opacity": 0.78 });
      circle.append(drawn("title", {}, structure.name));
      svg.append(circle);
      points.push(point);
    });
    markCurrent();
  };

  const markCurrent = () => {
    svg.querySelector(".current")?.remove();
    const point = points.find((p) => p.i === state.current);
    if (!point) return;
    const ring = drawn("circle", { class: "current", cx: point.x, cy: point.y, r: 8, fill: "none", "stroke-width": 2.2 });
    ring.style.stroke = "var(--ink)";
    svg.append(ring);
  };

  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    let best = null, least = 20 ** 2;
    for (const p of points) {
      const d = (p.x - event.clientX + box.left) ** 2 + (p.y - event.clientY + box.top) ** 2;
      if (d < least) { least = d; best = p; }
    }
    if (best !== null) { stop(); show(best.i); }
  });

  // ---- controls ------------------------------------------------------------------------------------------------
  const slider = make("input", { type: "range", min: 0, max: structures.length - 1, value: 0, ariaLabel: "structure" });
  const counter = make("span"), name = make("span", { className: "name" }), facts = make("div", { className: "facts" });
  const play = make("button", { type: "button", textContent: "▶", title: "play", ariaLabel: "play" });
  const button = (text, title, action) => {
    const node = make("button", { type: "button", textContent: text, title, ariaLabel: title });
    node.addEventListener("click", action);
    return node;
  };
  let timer = null;
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "▶"; };
  const show = (i) => {
    state.current = (i + structures.length) % structures.length;
    const s = structures[state.current];
    slider.value = state.current;
    counter.textContent = `${state.current + 1} / ${structures.length}`;
    name.textContent = s.name;
    const counts = new Map();
    for (const symbol of s.symbols) counts.set(symbol, (counts.get(symbol) || 0) + 1);
    const formula = [...counts].map(([e, n]) => e + (n > 1 ? n : "")).join(" ");
    const values = properties.filter((p) => p.name !== "index" && p.name !== "number of atoms" && p.values[state.current] !== null)
      .map((p) => `${p.name} ${shown(p.values[state.current])}`);
    facts.replaceChildren(...[formula, data.types[s.type], s.split, ...values].filter(Boolean)
      .map((text) => make("span", { textContent: text })));
    draw3d();
    markCurrent();
  };
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  play.addEventListener("click", () => {
    if (timer !== null) { stop(); return; }
    play.textContent = "❚❚";
    timer = setInterval(() => show(state.current + 1), 350);
  });

  const elements = Object.entries(data.elements).map(([symbol, e]) => make("span", {},
    make("span", { className: "swatch", style: `background:${e.colour};border:1px solid var(--faint)` }), symbol));
  const periodic = structures.some((s) => s.cell !== null);
  const box = make("input", { type: "checkbox", checked: true });
  box.addEventListener("change", () => { state.cell = box.checked; draw3d(); });
  const left = make("div", { className: "pane" },
    make("div", { className: "bar top" }, choice("draw", STYLES, 0, (i) => { state.style = i; draw3d(); }),
      ...(periodic ? [make("label", {}, box, "cell"),
        choice("repeat", ["1×", "2×", "3×"], 0, (i) => { state.repeat = i + 1; draw3d(); })] : []), ...elements),
    view,
    make("div", { className: "bar bottom" },
      button("‹", "previous", () => { stop(); show(state.current - 1); }), play,
      button("›", "next", () => { stop(); show(state.current + 1); }), slider, counter,
      name, facts));
  const right = make("div", { className: "pane" },
    make("div", { className: "bar top" }, choice("x", names, axes.x, (i) => { axes.x = i; drawMap(); }),
      choice("y", names, axes.y, (i) => { axes.y = i; drawMap(); }),
      choice("colour", colourings, 0, (i) => { axes.colour = i; drawMap(); })),
    svg, legend);
  root.append(left, right);

  show(0);
  drawMap();
  if (webgl() && typeof $3Dmol !== "undefined") {
    viewer = $3Dmol.createViewer(view, { backgroundColor: background(), antialias: true });
    dark.addEventListener("change", () => { viewer.setBackgroundColor(background()); draw3d(); });
    draw3d();
  } else {
    view.className = "failure";
    view.textContent = "This browser has no WebGL, so structures cannot be turned here; a still picture is below.";
    for (const still of document.querySelectorAll(".still")) still.style.display = "block";
  }
  let size = "";
  new ResizeObserver(() => requestAnimationFrame(() => {
    const now = `${root.clientWidth} ${root.clientHeight}`;
    if (now === size) return;
    size = now;
    drawMap();
    if (viewer !== null) viewer.resize();
  })).observe(root);
  root.dataset.ready = viewer === null ? "map" : "3d";
})();
