// A list of any length of which only what is in sight has elements.

import { h } from "./dom.js";

const OVERSCAN = 6;

/**
 * rows: `key(index)` names an item, `create()` makes `{ element, update(index) }`; rows are used again for other items.
 * The scroller keeps its place when items are put in above what is in sight.
 */
export class VirtualList {
  #rows = new Map();
  #spare = [];
  #count = 0;
  #frame = 0;
  #anchor = null;

  constructor({ scroller, rowHeight, key, create, onNearEnd }) {
    this.scroller = scroller;
    this.space = h("div", { class: "virtual-space", role: "presentation" });
    scroller.append(this.space);
    this.rowHeight = rowHeight;
    this.key = key;
    this.create = create;
    this.onNearEnd = onNearEnd;
    this.scheduled = () => this.schedule();
    scroller.addEventListener("scroll", this.scheduled, { passive: true });
    this.resizes = new ResizeObserver(this.scheduled);
    this.resizes.observe(scroller);
  }

  /** The items are others, or their number is. */
  setCount(count) {
    this.#count = count;
    this.schedule();
  }

  setRowHeight(height) {
    this.rowHeight = height;
    this.#anchor = null;
    this.schedule();
  }

  /** Once a frame, however often it is asked for. */
  schedule() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  /** Items were put in at the front: who reads further down goes on reading the same. */
  shift(rows) {
    if (this.scroller.scrollTop > this.rowHeight / 2) this.#anchor = (this.#anchor ?? this.scroller.scrollTop) + rows * this.rowHeight;
  }

  scrollTo(index) {
    const top = index * this.rowHeight;
    this.space.style.height = `${this.#count * this.rowHeight}px`;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + this.rowHeight > scrollTop + clientHeight) this.scroller.scrollTop = top + this.rowHeight - clientHeight;
    this.schedule();
  }

  row(index) {
    return this.#rows.get(this.key(index));
  }

  close() {
    cancelAnimationFrame(this.#frame);
    this.resizes.disconnect();
  }

  #draw() {
    const height = this.rowHeight;
    this.space.style.height = `${this.#count * height}px`;
    if (this.#anchor !== null) this.scroller.scrollTop = this.#anchor;
    this.#anchor = null;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / height) - OVERSCAN);
    const last = Math.min(this.#count, Math.ceil((this.scroller.scrollTop + this.scroller.clientHeight) / height) + OVERSCAN);
    const wanted = new Map();
    for (let index = first; index < last; index++) wanted.set(this.key(index), index);
    this.#release(wanted);
    let place = this.space.firstChild;
    for (const [key, index] of wanted) {
      let row = this.#rows.get(key);
      if (!row) {
        row = this.#spare.pop() ?? this.create();
        this.#rows.set(key, row);
      }
      row.element.style.transform = `translateY(${index * height}px)`;
      row.update(index);
      // Elements follow the order of items, for the keyboard and for screen readers; the focused one is not moved.
      if (row.element === place) place = place.nextSibling;
      else this.space.insertBefore(row.element, place);
    }
    if (last >= this.#count - OVERSCAN * 4) this.onNearEnd?.();
  }

  #release(wanted) {
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue;
      this.#rows.delete(key);
      row.element.remove();
      row.release?.();
      if (this.#spare.length < 50) this.#spare.push(row);
    }
  }
}
