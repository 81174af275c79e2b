// The files of a job: those of the whole document, and those of every page.

import { download, get } from "./api.js";
import { h, setText, toast } from "./dom.js";
import { count, isOpen, nameOf } from "./format.js";

const LISTED = 100; // pages, until more are asked for

export function filesPanel(view) {
  const whole = h("div");
  const pages = pageList(view);
  const element = h("div", { class: "panel" }, h("h2", null, "The document"), whole, h("h2", null, "Its pages"), ...pages.elements);
  let shown = null;
  return {
    element,
    update() {
      const { job } = view;
      if (!job) return;
      if (shown !== job) whole.replaceChildren(files(job, Object.entries(job.outputs), isOpen(job.status) ? "Its outputs are here once it has ended." : "It has none."));
      shown = job;
      pages.update();
    },
  };
}

/** Every page that was read or failed; what there is of one is asked for when it is opened. */
function pageList(view) {
  const list = h("div", { class: "page-list" });
  const note = h("p", { class: "muted" });
  const more = h("button", { type: "button", onclick: () => ((listed += LISTED), update()) }, "Show more pages");
  const known = new Map();
  let listed = LISTED;

  function update() {
    const { numbers, states } = view.pages;
    const ended = numbers.filter((page) => states.has(page));
    const wanted = ended.slice(0, listed);
    setText(note, ended.length ? "" : "No page has been read.");
    note.hidden = ended.length > 0;
    more.parentElement.hidden = ended.length <= listed;
    for (const [page, { state, element }] of known) {
      if (states.get(page) === state) continue;
      element.remove();
      known.delete(page);
    }
    // Pages come in at their places; those that are there are not moved, for they may be open or focused.
    let place = list.firstElementChild;
    for (const page of wanted) {
      const { element } = known.get(page) ?? remember(page);
      if (element === place) place = place.nextElementSibling;
      else list.insertBefore(element, place);
    }
  }

  function remember(page) {
    const state = view.pages.states.get(page);
    const entry = { state, element: pageFiles(view, page, state) };
    known.set(page, entry);
    return entry;
  }

  return { elements: [note, list, h("div", { class: "row", hidden: true }, more)], update };
}

function pageFiles(view, page, state) {
  const body = h("div");
  let asked = false;
  const read = async () => {
    if (asked || !element.open) return;
    asked = true;
    try {
      const { files: made, views, error } = await get(`/v1/jobs/${view.id}/pages/${page}`, { signal: view.signal });
      body.replaceChildren(files(view.job, Object.entries({ ...made, ...views }), error ? `${error.code}: ${error.message}` : "It has none.", page));
    } catch (error) {
      asked = false;
      if (!view.signal.aborted) body.replaceChildren(h("p", { class: "muted" }, error.message));
    }
  };
  // What is looked at under Pages is most likely what somebody wants here.
  const element = h("details", { ontoggle: read, open: page === view.result?.page }, h("summary", null, `Page ${count(page)}`, state === "failed" && " failed"), body);
  return element;
}

function files(job, entries, otherwise, page) {
  if (!entries.length) return h("p", { class: "muted" }, otherwise);
  const stem = nameOf(job).replace(/\.[^.]*$/, "");
  return h("ul", { class: "files" }, entries.map(([name, href]) => {
    const file = href.split("/").at(-1);
    const save = () => download(href, `${stem}_${file}`).catch((error) => toast(error.message, "error"));
    return h("li", null, h("button", { type: "button", "aria-label": page && `Download ${name} of page ${page}`, onclick: save }, `Download ${name}`), h("span", { class: "muted" }, file));
  }));
}
