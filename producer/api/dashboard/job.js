// One job: what it is and does, and its pages, timings, events, deliveries and files behind tabs.

import { cancel, isRetryable, jobOf, remove, retry } from "./actions.js";
import { events } from "./api.js";
import { h, setText, toast } from "./dom.js";
import { filesPanel } from "./files.js";
import { count, duration, isOpen, nameOf, rate, seconds, speed } from "./format.js";
import { progressBar, stateBadge } from "./jobs.js";
import { live } from "./live.js";
import { pagesPanel } from "./page.js";
import { deliveriesPanel, eventsPanel, timingsPanel } from "./tabs.js";

const AGAIN_MS = 1000;

/** What is known of the pages of a job: which are done and failed, which numbers there are. */
class Pages {
  states = new Map();
  total = null;

  #numbers = [];
  #counted = "";

  get numbers() {
    const counted = `${this.states.size} of ${this.total}`;
    if (this.#counted !== counted) this.#numbers = this.#count();
    this.#counted = counted;
    return this.#numbers;
  }

  #count() {
    const seen = [...this.states.keys()];
    const beyond = seen.some((page) => page > (this.total ?? 0));
    // Of a choice of pages only those that were read are known; of a whole document all are.
    return beyond || !this.total ? seen.sort((one, other) => one - other) : Array.from({ length: this.total }, (_, index) => index + 1);
  }

  take(event) {
    if (event.type === "page.done") this.states.set(event.data.page, "done");
    else if (event.type === "page.failed") this.states.set(event.data.page, "failed");
    else if (event.type === "job.queued") {
      for (const [page, state] of this.states) if (state === "failed") this.states.delete(page);
    }
  }
}

export function jobView(main, route) {
  document.title = "Job · OCRFleet";
  const stop = new AbortController();
  const view = { id: route.job, job: null, pages: new Pages(), story: [], signal: stop.signal };
  const head = header();
  const panels = {
    pages: pagesPanel(view, route.page),
    timings: timingsPanel(view),
    events: eventsPanel(view),
    webhooks: deliveriesPanel(view),
    files: filesPanel(view),
  };
  const tabs = tabList({ pages: "Pages", timings: "Timings", events: "Events", webhooks: "Webhooks", files: "Files" }, panels);
  main.replaceChildren(head.element, tabs.bar, ...tabs.panels);

  const update = (job) => {
    view.job = job;
    view.pages.total = job.progress.pages_total;
    head.update(job);
    tabs.current().update?.();
    document.title = `${nameOf(job)} · OCRFleet`;
  };
  let watching = false;
  /** Follow the events of the job; the stream ends with it, and a job that is run again is followed again. */
  const watch = async () => {
    if (watching) return;
    watching = true;
    let lost = false;
    try {
      const resume = view.story.length ? { "Last-Event-ID": view.story.at(-1).id } : {};
      for await (const event of events(`/v1/jobs/${view.id}/events`, { signal: stop.signal, headers: resume })) {
        view.story.push(event);
        view.pages.take(event);
        redraw();
      }
    } catch (error) {
      lost = !error.status;
    }
    watching = false;
    if (!stop.signal.aborted && (lost || isOpen(view.job.status))) setTimeout(() => stop.signal.aborted || watch(), AGAIN_MS);
  };
  // Hundreds of events may come at once; what is shown changes once a frame.
  let frame = 0;
  const redraw = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      tabs.current().update?.();
    });
  };
  const read = async () => {
    try {
      update(await jobOf(view.id, { signal: stop.signal }));
      watch();
    } catch (error) {
      if (stop.signal.aborted || error.status === 401) return;
      if (error.status === 404) gone(main);
      else toast(error.message, "error");
    }
  };
  const on = (name, listener) => live.addEventListener(name, listener, { signal: stop.signal });
  on("job", ({ detail }) => {
    if (detail.job.id !== view.id) return;
    update(detail.job);
    if (isOpen(detail.job.status)) watch();
  });
  on("deleted", ({ detail }) => detail.id === view.id && gone(main));
  on("open", ({ detail }) => detail.resumed || read());
  const ages = setInterval(() => view.job && isOpen(view.job.status) && head.update(view.job), 1000);
  read();
  return () => {
    stop.abort();
    clearInterval(ages);
    cancelAnimationFrame(frame);
    for (const panel of Object.values(panels)) panel.close?.();
  };
}

function gone(main) {
  main.replaceChildren(h("p", { class: "empty" }, "There is no such job; it was deleted, or is past its retention time. ", h("a", { href: "#/" }, "All jobs")));
}

function header() {
  const badge = stateBadge();
  const bar = progressBar();
  const name = h("h1");
  const facts = h("dl", { class: "facts" });
  const error = h("p", { class: "problem", hidden: true });
  let job = null;
  const button = (label, action, kind = "") => h("button", { type: "button", class: kind, onclick: () => action(job) }, label);
  const buttons = { cancel: button("Cancel", cancel), retry: button("Retry", retry), remove: button("Delete", async (one) => (await remove(one)) && (location.hash = "#/"), "quiet") };
  const fact = (label) => {
    const value = h("dd");
    facts.append(h("div", null, h("dt", null, label), value));
    return value;
  };
  const values = Object.fromEntries(["Pages/s", "Took", "Device", "Priority", "Tag", "Owner", "Attempts", "Id"].map((label) => [label, fact(label)]));
  const element = h(
    "section",
    { class: "job-head", "aria-label": "Job" },
    h("div", { class: "row" }, h("a", { href: "#/", class: "back", "aria-label": "All jobs" }, "Jobs"), name, badge.element, h("span", { class: "job-progress" }, ...bar.elements), h("span", { class: "spacer" }), ...Object.values(buttons)),
    facts,
    error,
  );
  return {
    element,
    update(next) {
      job = next;
      const now = Date.now() / 1000;
      setText(name, nameOf(job));
      badge.update(job.status);
      bar.update(job);
      const started = seconds(job.started_at);
      const end = seconds(job.finished_at) ?? now;
      const texts = {
        "Pages/s": rate(speed(job, now)),
        Took: started === null ? `waiting ${duration(end - seconds(job.created_at))}` : duration(end - started),
        Device: job.device ?? "–",
        Priority: job.priority ?? "–",
        Tag: job.tag ?? "–",
        Owner: job.owner || "–",
        Attempts: count(job.attempts),
        Id: job.id,
      };
      for (const [label, text] of Object.entries(texts)) setText(values[label], text);
      for (const label of ["Tag", "Owner"]) values[label].parentElement.hidden = texts[label] === "–";
      error.hidden = !job.error;
      setText(error, job.error ? `${job.error.code}: ${job.error.message}` : "");
      buttons.cancel.hidden = !isOpen(job.status);
      buttons.retry.hidden = !isRetryable(job);
    },
  };
}

/** Tabs as the ARIA practices have them: arrows move, the panel of the chosen one is shown. */
function tabList(labels, panels) {
  const names = Object.keys(labels);
  let chosen = names[0];
  const show = (name) => {
    chosen = name;
    for (const one of names) {
      tabs[one].setAttribute("aria-selected", String(one === name));
      tabs[one].tabIndex = one === name ? 0 : -1;
      panels[one].element.hidden = one !== name;
    }
    panels[name].update?.();
  };
  const tabs = Object.fromEntries(
    names.map((name, index) => [name, h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => show(name), onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = names[(index + step + names.length) % names.length];
      show(next);
      tabs[next].focus();
    } }, labels[name])]),
  );
  for (const name of names) {
    const { element } = panels[name];
    element.id = `panel-${name}`;
    element.setAttribute("role", "tabpanel");
    element.setAttribute("aria-labelledby", `tab-${name}`);
  }
  show(chosen);
  return { bar: h("div", { class: "tabs", role: "tablist", "aria-label": "Parts of the job" }, Object.values(tabs)), panels: names.map((name) => panels[name].element), current: () => panels[chosen] };
}
