// The pages of a job: the picture of one with its lines over it, and their text beside it.

import { blob, get, viewOf } from "./api.js";
import { copy, h, iconButton, setText, svg, toast } from "./dom.js";
import { count } from "./format.js";
import { pageStrip } from "./strip.js";

const ZOOM_STEP = 1.25;
const [ZOOM_MIN, ZOOM_MAX] = [0.25, 8];
// What readers of the seed's models call safe, worth a look, and doubtful.
const LEVELS = [[0.95, "high"], [0.8, "middle"], [0, "low"]];

const level = (score) => LEVELS.find(([least]) => score >= least)[1];

export function pagesPanel(view, first) {
  const stage = viewer();
  const lines = lineList();
  lines.onactive = (index, from) => stage.mark(index, from === "list");
  stage.onactive = (index) => lines.activate(index, "page");
  const strip = pageStrip(view, (page) => show(page));
  const number = h("input", { type: "number", min: 1, class: "page-number", "aria-label": "Page", onchange: () => show(Number(number.value)) });
  const of = h("span", { class: "muted" });
  const step = (by) => () => show(neighbour(view.pages.numbers, current.page, by));
  const navigation = h("span", { class: "group" }, iconButton("previous", "Previous page", step(-1)), number, of, iconButton("next", "Next page", step(1)));
  const copyText = h("button", { type: "button", onclick: () => copy(lines.texts().join("\n")).then(() => toast("Copied the text of the page")) }, "Copy text");
  const element = h("div", { class: "panes" }, strip.element, h("section", { class: "viewer", "aria-label": "Page" }, h("div", { class: "toolbar" }, navigation, ...stage.controls), stage.element), h("section", { class: "text", "aria-label": "Text" }, h("div", { class: "toolbar" }, lines.summary, h("span", { class: "spacer" }), copyText), lines.element));
  const current = { page: 0, state: null };

  async function show(page) {
    if (!page || (page === current.page && view.pages.states.get(page) === current.state)) return;
    const state = view.pages.states.get(page) ?? null;
    Object.assign(current, { page, state });
    number.value = page;
    strip.select(page);
    history.replaceState(null, "", `#/jobs/${view.id}/${page}`);
    if (state === null) return clear("This page is not read yet.");
    try {
      const result = await get(`/v1/jobs/${view.id}/pages/${page}`, { signal: view.signal });
      if (current.page !== page) return;
      view.result = result;
      if (state === "done") strip.views ??= Boolean(result.views?.page);
      strip.update();
      if (result.status === "failed") return clear(`${result.error.code}: ${result.error.message}`);
      lines.show(result.result);
      await stage.show(view.id, result, view.signal);
      view.onresult?.();
    } catch (error) {
      if (!view.signal.aborted) clear(error.message);
    }
  }

  function clear(why) {
    view.result = null;
    lines.show(null);
    stage.clear(why);
  }

  clear("");
  return {
    element,
    update() {
      if (!view.job) return;
      const { numbers, states, total } = view.pages;
      setText(of, total ? `/ ${count(total)}` : "");
      if (total) number.max = numbers.at(-1);
      strip.update();
      if (!current.page) {
        // What is there to see comes first: the page of the address, else the first that was read.
        const done = numbers.find((page) => states.has(page));
        if (first || done) show(first || done);
        else stage.clear(view.job.error ? view.job.error.message : view.job.status === "queued" ? "Waiting for a worker." : "Its first page is being read.");
      } else if ((states.get(current.page) ?? null) !== current.state) show(current.page);
    },
    close: () => (strip.close(), stage.close()),
  };
}

function neighbour(numbers, page, by) {
  const at = numbers.indexOf(page) + by;
  return numbers[Math.max(0, Math.min(numbers.length - 1, at))];
}

/** The picture and its polygons. Coordinates are those of the page, whatever size it is shown at. */
function viewer() {
  const note = h("p", { class: "empty" });
  const bare = h("p", { class: "muted", hidden: true }, "No picture was stored: the job’s outputs have no image.");
  const picture = h("img", { alt: "", draggable: "false" });
  const shapes = svg("svg", { class: "shapes", preserveAspectRatio: "none", "aria-hidden": "true" });
  const paper = h("div", { class: "paper", hidden: true }, picture, shapes);
  const element = h("div", { class: "stage", tabindex: 0, role: "group", "aria-label": "Picture of the page" }, bare, paper, note);
  const api = { element, onactive: null };
  const urls = new Set();
  let zoom = 1;
  let shown = null;
  let asRead = false;
  let polygons = [];

  const zoomLabel = h("button", { type: "button", class: "quiet zoom", title: "Fit the width", onclick: () => setZoom(1) }, "100%");
  const control = (text, label, factor) => h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick: () => setZoom(zoom * factor) }, text);
  const toggle = (label, name, on) => {
    const button = h("button", { type: "button", class: "toggle", "aria-pressed": String(on), onclick: () => {
      const next = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(next));
      paper.classList.toggle(name, next);
    } }, label);
    paper.classList.toggle(name, on);
    return button;
  };
  const which = h("select", { "aria-label": "Which picture", onchange: () => ((asRead = which.value === "read"), draw()) }, h("option", { value: "given" }, "Original"), h("option", { value: "read" }, "Preprocessed"));
  api.controls = [
    h("span", { class: "group" }, control("−", "Zoom out", 1 / ZOOM_STEP), zoomLabel, control("+", "Zoom in", ZOOM_STEP)),
    which,
    toggle("Boxes", "with-boxes", true),
    toggle("Confidence", "with-levels", true),
    h("span", { class: "legend", "aria-hidden": "true" }, LEVELS.map(([least, name], at) => h("span", { class: `level-${name}` }, least ? `≥ ${least * 100}` : `< ${LEVELS[at - 1][0] * 100}`))),
  ];

  function setZoom(next) {
    const middle = (element.scrollTop + element.clientHeight / 2) / Math.max(1, element.scrollHeight);
    const centre = (element.scrollLeft + element.clientWidth / 2) / Math.max(1, element.scrollWidth);
    zoom = Math.max(ZOOM_MIN, Math.min(ZOOM_MAX, next));
    paper.style.width = `${zoom * 100}%`;
    setText(zoomLabel, `${Math.round(zoom * 100)}%`);
    element.scrollTop = middle * element.scrollHeight - element.clientHeight / 2;
    element.scrollLeft = centre * element.scrollWidth - element.clientWidth / 2;
  }

  element.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    setZoom(zoom * Math.exp(-event.deltaY / 300));
  }, { passive: false });
  element.addEventListener("keydown", (event) => {
    const factor = { "+": ZOOM_STEP, "=": ZOOM_STEP, "-": 1 / ZOOM_STEP }[event.key];
    if (event.ctrlKey || event.metaKey) return;
    if (factor) setZoom(zoom * factor);
    else if (event.key === "0") setZoom(1);
  });
  drag(element);

  /** The polygons of one of the two spaces, over the picture that belongs to it. */
  function draw() {
    if (!shown) return;
    const { page, sources } = shown;
    const result = page.result;
    const angle = Math.max(0, result.doc_preprocessor_res?.angle ?? 0);
    const sideways = angle % 180 === 90;
    const flattened = Boolean(sources.upright);
    const read = asRead || !page.original_polys.length;
    const turned = read && !flattened;
    const [width, height] = read && sideways ? [page.height, page.width] : [page.width, page.height];
    const source = read && flattened ? sources.upright : sources.page;
    paper.style.aspectRatio = `${width} / ${height}`;
    picture.hidden = !source;
    bare.hidden = Boolean(source);
    if (source) picture.src = source;
    picture.className = turned && angle ? `turned-${angle}` : "";
    // A page that lies on its side is as wide as the paper is high.
    picture.style.width = turned && sideways ? `${(height / width) * 100}%` : "";
    shapes.setAttribute("viewBox", `0 0 ${width} ${height}`);
    paper.classList.toggle("blank", !source);
    const polys = read ? result.rec_polys : page.original_polys;
    polygons = polys.map((points, index) => shape(points, index, result));
    shapes.replaceChildren(...polygons, ...(source ? [] : polys.map((points, index) => words(points, result.rec_texts[index]))));
  }

  function shape(points, index, result) {
    return svg("polygon", { points: points.join(" "), class: `level-${level(result.rec_scores[index])}`, onpointerenter: () => api.onactive(index), onclick: () => api.onactive(index) });
  }

  api.mark = (index, scroll) => {
    polygons.forEach((polygon, at) => polygon.classList.toggle("active", at === index));
    if (scroll) polygons[index]?.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  api.clear = (why) => {
    shown = null;
    paper.hidden = bare.hidden = true;
    note.hidden = false;
    setText(note, why);
  };
  api.show = async (job, page, signal) => {
    const names = ["page", "upright"].filter((name) => page.views?.[name]);
    const found = await Promise.all(names.map((name) => blob(viewOf(job, page.page, name), { signal })));
    for (const url of urls) URL.revokeObjectURL(url);
    urls.clear();
    const sources = Object.fromEntries(names.map((name, at) => [name, URL.createObjectURL(found[at])]));
    Object.values(sources).forEach((url) => urls.add(url));
    const angle = page.result.doc_preprocessor_res?.angle ?? 0;
    which.hidden = !(angle > 0 || sources.upright);
    if (which.hidden) asRead = false;
    which.value = asRead ? "read" : "given";
    shown = { page, sources };
    note.hidden = true;
    paper.hidden = false;
    setZoom(zoom);
    draw();
  };
  api.close = () => urls.forEach((url) => URL.revokeObjectURL(url));
  return api;
}

/** A line set into its place, for pages without a picture. */
function words([[left, top], [right, rightTop], , [bottomX, bottom]], text) {
  const length = Math.hypot(right - left, rightTop - top);
  const height = Math.hypot(bottomX - left, bottom - top);
  const angle = (Math.atan2(rightTop - top, right - left) * 180) / Math.PI;
  return svg("text", { transform: `translate(${left} ${top}) rotate(${angle.toFixed(2)})`, y: height * 0.78, "font-size": Math.max(1, height * 0.8), textLength: Math.max(1, length), lengthAdjust: "spacingAndGlyphs" }, text);
}

function drag(element) {
  let from = null;
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType !== "mouse") return;
    from = { x: event.clientX + element.scrollLeft, y: event.clientY + element.scrollTop };
  });
  element.addEventListener("pointermove", (event) => {
    if (!from || !event.buttons) return (from = null);
    element.scrollLeft = from.x - event.clientX;
    element.scrollTop = from.y - event.clientY;
  });
}

/** The lines as a list that the arrows move through; what is active here is marked on the page, and the other way. */
function lineList() {
  const element = h("ol", { class: "lines", role: "listbox", tabindex: 0, "aria-label": "Recognised lines" });
  const summary = h("span", { class: "muted" });
  const api = { element, summary, onactive: null };
  let texts = [];
  let active = -1;

  api.texts = () => texts;
  api.show = (result) => {
    texts = result?.rec_texts ?? [];
    active = -1;
    element.removeAttribute("aria-activedescendant");
    const scores = result?.rec_scores ?? [];
    const mean = scores.reduce((sum, score) => sum + score, 0) / (scores.length || 1);
    setText(summary, result ? `${count(texts.length)} ${texts.length === 1 ? "line" : "lines"}${texts.length ? ` · mean score ${(mean * 100).toFixed(1)}` : ""}` : "");
    element.replaceChildren(
      ...texts.map((text, index) =>
        h("li", { role: "option", id: `line-${index}`, "aria-selected": "false", class: `level-${level(scores[index])}`, onpointerenter: () => api.activate(index, "pointer"), onclick: () => api.activate(index, "list") }, h("span", { class: "line-text", dir: "auto" }, text), h("span", { class: "score" }, Math.round(scores[index] * 100))),
      ),
    );
  };
  api.activate = (index, from) => {
    element.children[active]?.setAttribute("aria-selected", "false");
    active = index;
    const line = element.children[index];
    if (!line) return;
    line.setAttribute("aria-selected", "true");
    element.setAttribute("aria-activedescendant", line.id);
    if (from !== "pointer") line.scrollIntoView({ block: "nearest" });
    api.onactive(index, from);
  };
  element.addEventListener("keydown", (event) => {
    const to = { ArrowDown: active + 1, ArrowUp: active - 1, Home: 0, End: texts.length - 1 }[event.key];
    if (to === undefined || !texts.length) return;
    event.preventDefault();
    api.activate(Math.max(0, Math.min(texts.length - 1, to)), "list");
  });
  return api;
}
