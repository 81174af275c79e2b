// The list of jobs: live, filtered, of any length.

import { rowActions } from "./actions.js";
import { get } from "./api.js";
import { h, setText, toast } from "./dom.js";
import { age, count, isOpen, nameOf, rate, seconds, speed } from "./format.js";
import { live } from "./live.js";
import { submitPanel } from "./submit.js";
import { VirtualList } from "./virtual.js";

const PAGE = 200;
const FILTERS = [
  ["", "All"],
  ["queued", "Queued"],
  ["running", "Running"],
  ["succeeded", "Succeeded"],
  ["partial", "Partial"],
  ["failed", "Failed"],
  ["cancelled", "Cancelled"],
  ["expired", "Expired"],
];
const NARROW = matchMedia("(max-width: 760px)");

/** Jobs newest first, as far as they were read; ids begin with their time, so that they sort. */
class Jobs {
  list = [];
  known = new Map();
  cursor = null;
  complete = false;
  loading = false;
  touched = new Set();
  generation = 0;

  constructor(filter, changed) {
    this.filter = filter;
    this.changed = changed;
  }

  clear() {
    this.list = [];
    this.known.clear();
  }

  async reload() {
    this.generation += 1;
    this.loading = false;
    this.cursor = null;
    await this.more(true);
  }

  async more(anew = false) {
    if (this.loading || (this.complete && !anew)) return;
    this.loading = true;
    this.touched.clear();
    const generation = this.generation;
    const query = new URLSearchParams({ limit: PAGE });
    if (this.filter.status) query.set("status", this.filter.status);
    if (this.filter.tag) query.set("tag", this.filter.tag);
    if (this.cursor) query.set("cursor", this.cursor);
    try {
      const page = await get(`/v1/jobs?${query}`);
      if (generation !== this.generation) return;
      if (anew) {
        const newer = this.list.filter((job) => this.touched.has(job.id));
        this.clear();
        for (const job of newer) this.insert(job);
      }
      // What was told of meanwhile is newer than the answer.
      for (const job of page.jobs) if (!this.touched.has(job.id)) this.insert(job);
      this.cursor = page.next_cursor;
      this.complete = page.next_cursor === null;
      this.failed = false;
    } catch (error) {
      if (generation !== this.generation) return;
      this.failed = true;
      if (error.status !== 401) toast(error.message, "error");
      this.complete = true;
    } finally {
      if (generation === this.generation) this.loading = false;
      this.changed(0);
    }
  }

  matches(job) {
    return (!this.filter.status || job.status === this.filter.status) && (!this.filter.tag || job.tag === this.filter.tag);
  }

  /** A job as the server tells of it. */
  tell(job) {
    this.touched.add(job.id);
    if (!this.matches(job)) {
      this.drop(job.id);
      return;
    }
    const oldest = this.list.at(-1);
    if (!this.known.has(job.id) && !this.complete && oldest && job.id < oldest.id) return; // further down than was read
    this.changed(this.insert(job) === 0 ? 1 : 0);
  }

  /** Put a job in or in place of what was known of it; the index of a new one. */
  insert(job) {
    const there = this.known.has(job.id);
    this.known.set(job.id, job);
    const at = this.place(job.id);
    this.list.splice(at, there ? 1 : 0, job);
    return there ? null : at;
  }

  forget(id) {
    this.touched.add(id);
    this.drop(id);
  }

  drop(id) {
    if (!this.known.delete(id)) return;
    this.list.splice(this.place(id), 1);
    this.changed(0);
  }

  place(id) {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.list[middle].id > id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function jobsView(main, route) {
  document.title = "Jobs · OCRFleet";
  const filter = { status: route.query.get("status") ?? "", tag: route.query.get("tag") ?? "" };
  const total = h("span", { class: "muted total" });
  const empty = h("p", { class: "empty", hidden: true });
  const scroller = h("div", { class: "rows", role: "rowgroup", tabindex: 0, "aria-label": "Jobs" });
  const header = h("div", { class: "job-row head", role: "row" }, ["State", "Document", "Progress", "Pages/s", "Age", "Device", "Owner", "Actions"].map(column));
  const table = h("div", { class: "table jobs", role: "table", "aria-label": "Jobs" }, h("div", { role: "rowgroup" }, header), scroller, empty);
  const toolbar = filters(filter, total, () => {
    const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value));
    history.replaceState(null, "", `#/${query.size ? `?${query}` : ""}`);
    jobs.clear();
    jobs.reload();
  });
  main.replaceChildren(h("h1", { class: "offscreen" }, "Jobs"), submitPanel(), toolbar, table);

  const jobs = new Jobs(filter, (shifted) => {
    if (shifted) list.shift(shifted);
    list.setCount(jobs.list.length);
    table.setAttribute("aria-rowcount", jobs.complete ? jobs.list.length + 1 : -1);
    setText(total, jobs.loading && !jobs.list.length ? "Loading" : `${count(jobs.list.length)}${jobs.complete ? "" : "+"} ${jobs.list.length === 1 ? "job" : "jobs"}`);
    empty.hidden = jobs.list.length > 0 || jobs.loading;
    setText(empty, jobs.failed ? "The jobs could not be read." : filter.status || filter.tag ? "No job is like this." : "No jobs yet. Drop a document anywhere on this page.");
  });
  const list = new VirtualList({
    scroller,
    rowHeight: rowHeight(),
    key: (index) => jobs.list[index].id,
    create: () => jobRow(jobs, (index) => focus(list, jobs, index)),
    onNearEnd: () => jobs.more(),
  });

  const stop = new AbortController();
  const on = (name, listener) => live.addEventListener(name, listener, { signal: stop.signal });
  on("job", ({ detail }) => jobs.tell(detail.job));
  on("deleted", ({ detail }) => jobs.forget(detail.id));
  on("open", ({ detail }) => detail.resumed || jobs.reload());
  NARROW.addEventListener("change", () => list.setRowHeight(rowHeight()), { signal: stop.signal });
  const ages = setInterval(() => list.schedule(), 1000);
  jobs.reload();
  return () => {
    stop.abort();
    clearInterval(ages);
    list.close();
  };
}

const rowHeight = () => (NARROW.matches ? 68 : 44);

const column = (name) => h("span", { role: "columnheader" }, name);

function focus(list, jobs, index) {
  if (index < 0 || index >= jobs.list.length) return;
  list.scrollTo(index);
  requestAnimationFrame(() => requestAnimationFrame(() => list.row(index)?.link.focus()));
}

function filters(filter, total, go) {
  const choices = FILTERS.map(([value, label]) =>
    h("label", null, h("input", { type: "radio", name: "status", value, checked: filter.status === value, onchange: () => ((filter.status = value), go()) }), h("span", null, label)),
  );
  const tag = h("input", { type: "search", placeholder: "Search by tag", "aria-label": "Search by tag", maxlength: 64, value: filter.tag });
  const search = () => {
    if (filter.tag === tag.value.trim()) return;
    filter.tag = tag.value.trim();
    go();
  };
  const form = h("form", { role: "search", onsubmit: (event) => (event.preventDefault(), search()) }, tag);
  tag.addEventListener("change", search);
  tag.addEventListener("search", search);
  return h("div", { class: "toolbar" }, h("div", { class: "segments", role: "radiogroup", "aria-label": "State" }, choices), total, form);
}

export function stateBadge() {
  const element = h("span", { class: "state" });
  return {
    element,
    update(status) {
      if (element.dataset.state === status) return;
      element.dataset.state = status;
      setText(element, status);
    },
  };
}

/** A bar of the pages that are done and those that failed, with their numbers beside it. */
export function progressBar() {
  const done = h("span", { class: "done" });
  const failed = h("span", { class: "failed" });
  const bar = h("span", { class: "bar-track", role: "progressbar", "aria-label": "Pages done", "aria-valuemin": 0 }, done, failed);
  const label = h("span", { class: "bar-label" });
  return {
    elements: [bar, label],
    update({ status, progress }) {
      const total = progress.pages_total;
      const [finished, broken] = [progress.pages_done, progress.pages_failed];
      done.style.width = `${(total ? finished / total : 0) * 100}%`;
      failed.style.width = `${(total ? broken / total : 0) * 100}%`;
      bar.classList.toggle("waiting", status === "running" && !total);
      bar.setAttribute("aria-valuemax", total ?? 1);
      bar.setAttribute("aria-valuenow", finished + broken);
      setText(label, total ? `${count(finished)}/${count(total)}` : "–");
      label.title = broken ? `${count(broken)} failed` : "";
    },
  };
}

function jobRow(jobs, focusRow) {
  const badge = stateBadge();
  const bar = progressBar();
  const actions = rowActions();
  const link = h("a", { class: "name" });
  const tag = h("a", { class: "tag" });
  const why = h("span", { class: "why" });
  const cell = (name, ...children) => h("span", { role: "cell", class: `cell-${name}` }, ...children);
  const [speedCell, ageCell, device, owner] = ["speed", "age", "device", "owner"].map((name) => cell(name));
  const element = h("div", { class: "job-row", role: "row" }, cell("state", badge.element), cell("name", link, tag, why), cell("progress", ...bar.elements), speedCell, ageCell, device, owner, cell("actions", ...actions.elements));
  let at = 0;
  link.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (!step) return;
    event.preventDefault();
    focusRow(Math.max(0, Math.min(jobs.list.length - 1, at + step)));
  });
  return {
    element,
    link,
    update(index) {
      at = index;
      const job = jobs.list[index];
      const now = Date.now() / 1000;
      element.setAttribute("aria-rowindex", index + 2);
      badge.update(job.status);
      setText(link, nameOf(job));
      link.setAttribute("href", `#/jobs/${job.id}`);
      link.title = job.error ? `${nameOf(job)}: ${job.error.message}` : nameOf(job);
      tag.hidden = !job.tag;
      setText(tag, job.tag ?? "");
      tag.setAttribute("href", `#/?${new URLSearchParams({ tag: job.tag ?? "" })}`);
      why.hidden = !job.error || job.status === "cancelled";
      setText(why, job.error?.code ?? "");
      bar.update(job);
      setText(speedCell, rate(speed(job, now)));
      setText(ageCell, age(now - seconds(job.created_at)));
      ageCell.title = new Date(job.created_at).toLocaleString();
      setText(device, job.device ?? (isOpen(job.status) ? "waiting" : "–"));
      setText(owner, job.owner || "–");
      actions.update(job);
    },
  };
}
