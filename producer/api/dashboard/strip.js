// The pages of a document as a strip of small pictures, made in the browser and only of those in sight.

import { blob, viewOf } from "./api.js";
import { h, setText } from "./dom.js";
import { VirtualList } from "./virtual.js";

const ROW_PX = 148;
const WIDTH_PX = 84;
const HEIGHT_PX = 112;
const AT_ONCE = 2;
const KEPT = 120;

export function pageStrip(view, choose) {
  const element = h("nav", { class: "strip", "aria-label": "Pages" });
  const pictures = new Thumbnails(view);
  let selected = 0;
  const list = new VirtualList({
    scroller: element,
    rowHeight: ROW_PX,
    key: (index) => view.pages.numbers[index],
    create: () => entry(),
  });

  function entry() {
    const canvas = h("canvas", { width: WIDTH_PX, height: HEIGHT_PX, "aria-hidden": "true" });
    const number = h("span", { class: "sheet-number" });
    const label = h("span");
    const button = h("button", { type: "button", class: "thumb", onclick: () => choose(page) }, h("span", { class: "sheet" }, number, canvas), label);
    let page = 0;
    let drawn = null;
    return {
      element: button,
      update(index) {
        page = view.pages.numbers[index];
        const state = view.pages.states.get(page) ?? "waiting";
        // A sheet without a picture has the number on it, and what became of the page below.
        const pictured = state === "done" && api.views !== false;
        button.classList.toggle("bare", !pictured);
        setText(number, pictured ? "" : String(page));
        setText(label, pictured ? String(page) : state);
        button.dataset.state = state;
        button.setAttribute("aria-label", `Page ${page}, ${state}`);
        if (page === selected) button.setAttribute("aria-current", "true");
        else button.removeAttribute("aria-current");
        const wanted = state === "done" && api.views ? page : 0;
        if (drawn === wanted) return;
        drawn = wanted;
        canvas.getContext("2d").clearRect(0, 0, WIDTH_PX, HEIGHT_PX);
        if (!wanted) return;
        pictures.want(wanted, (picture) => drawn === wanted && fit(canvas, picture));
      },
      release() {
        pictures.drop(drawn);
        drawn = null;
      },
    };
  }

  const api = {
    element,
    views: undefined,
    select(page) {
      selected = page;
      list.scrollTo(Math.max(0, view.pages.numbers.indexOf(page)));
    },
    update: () => list.setCount(view.pages.numbers.length),
    close: () => (list.close(), pictures.close()),
  };
  return api;
}

function fit(canvas, picture) {
  const scale = Math.min(WIDTH_PX / picture.width, HEIGHT_PX / picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  canvas.getContext("2d").drawImage(picture, (WIDTH_PX - width) / 2, (HEIGHT_PX - height) / 2, width, height);
}

/** Fetches a few at a time, the latest wish first, and keeps the last ones small. */
class Thumbnails {
  #kept = new Map();
  #wanted = new Map();
  #running = 0;

  constructor(view) {
    this.view = view;
  }

  want(page, draw) {
    const kept = this.#kept.get(page);
    if (kept) return draw(kept);
    this.#wanted.set(page, draw);
    this.#next();
  }

  drop(page) {
    this.#wanted.delete(page);
  }

  close() {
    this.#wanted.clear();
    for (const picture of this.#kept.values()) picture.close();
  }

  async #next() {
    if (this.#running >= AT_ONCE || !this.#wanted.size) return;
    const [page, draw] = [...this.#wanted].at(-1);
    this.#wanted.delete(page);
    this.#running += 1;
    try {
      const whole = await blob(viewOf(this.view.id, page, "page"), { signal: this.view.signal });
      const picture = await createImageBitmap(whole, { resizeHeight: HEIGHT_PX * 2, resizeQuality: "medium" });
      this.#keep(page, picture);
      draw(picture);
    } catch {
      // A page without a picture keeps its empty sheet; the page itself says why when it is opened.
    } finally {
      this.#running -= 1;
      if (!this.view.signal.aborted) this.#next();
    }
  }

  #keep(page, picture) {
    this.#kept.set(page, picture);
    if (this.#kept.size <= KEPT) return;
    const [oldest, old] = this.#kept.entries().next().value;
    this.#kept.delete(oldest);
    old.close();
  }
}
