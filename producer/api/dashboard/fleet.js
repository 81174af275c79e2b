// The fleet: its devices and workers, the work that waits, what got done, and what was given up.

import { retry } from "./actions.js";
import { get } from "./api.js";
import { h, setText, svg } from "./dom.js";
import { age, bytes, count, duration, nameOf, rate, seconds } from "./format.js";
import { live } from "./live.js";

const DEAD_MAX = 100;

export function fleetView(main) {
  document.title = "Fleet · OCRFleet";
  const stop = new AbortController();
  const tiles = tileRow(["Pages/s, last minute", "Pages waiting", "Pages in work", "Workers"]);
  const chart = throughput();
  const kinds = dataTable("Queues and autoscale", ["Kind", "Waiting", "High", "Normal", "Low", "In work", "Oldest waits", "Pages/s, last minute", "Workers", "Wanted"], "No kind of device has work or workers.");
  const workers = dataTable("Workers", ["Worker", "State", "Device", "Runtime", "Pages", "Pages/s while reading", "Memory", "Up", "Seen"], "No worker is running.");
  const dead = dataTable("Dead letters", ["Document", "Why", "Since", "Pages failed", ""], "Nothing was given up.");
  const note = h("p", { class: "empty", hidden: true });
  main.replaceChildren(h("h1", { class: "offscreen" }, "Fleet"), note, tiles.element, chart.element, kinds.element, workers.element, dead.element);

  function show(fleet) {
    note.hidden = true;
    const sum = (name) => fleet.kinds.reduce((all, kind) => all + kind[name], 0);
    tiles.update([rate(fleet.pages_per_second), count(sum("waiting_pages")), count(sum("running_pages")), count(fleet.workers.length)]);
    chart.update(fleet.throughput);
    kinds.update(fleet.kinds.map(kindRow));
    const now = Date.now() / 1000;
    workers.update(fleet.workers.map((worker) => workerRow(worker, now)));
  }

  let listed = new Set();
  async function readDead() {
    try {
      const { dead_letters: jobs } = await get(`/v1/dead-letters?limit=${DEAD_MAX}`, { signal: stop.signal });
      listed = new Set(jobs.map((job) => job.id));
      dead.update(jobs.map(deadRow));
    } catch (error) {
      if (!stop.signal.aborted && error.status !== 401) dead.fail(error.message);
    }
  }
  async function read() {
    readDead();
    try {
      show(await get("/v1/fleet", { signal: stop.signal }));
    } catch (error) {
      if (stop.signal.aborted || error.status === 401) return;
      note.hidden = false;
      setText(note, error.message);
    }
  }

  let pending = 0;
  const on = (name, listener) => live.addEventListener(name, listener, { signal: stop.signal });
  on("fleet", ({ detail }) => show(detail));
  on("open", ({ detail }) => detail.resumed || read());
  for (const name of ["job", "deleted"]) {
    on(name, ({ detail }) => {
      // The list changes with jobs that fail, and with those that are on it; many at once make one question.
      const failed = ["failed", "partial"].includes(detail.job?.status);
      if (!failed && !listed.has(detail.id ?? detail.job.id)) return;
      pending ||= setTimeout(() => ((pending = 0), readDead()), 500);
    });
  }
  read();
  return () => {
    stop.abort();
    clearTimeout(pending);
  };
}

function kindRow(kind) {
  const { high, normal, low } = kind.by_priority;
  const change = kind.desired_workers - kind.workers;
  const wanted = change === 0 ? `${kind.desired_workers}, as it is` : `${kind.desired_workers} (${change > 0 ? "+" : "−"}${Math.abs(change)})`;
  const waits = kind.oldest_waiting_s === null ? "–" : duration(kind.oldest_waiting_s);
  return [kind.kind, count(kind.waiting_pages), high, normal, low, kind.running_pages, waits, rate(kind.pages_per_second), kind.workers, wanted];
}

function workerRow(worker, now) {
  const state = h("span", { class: "state", "data-state": worker.state }, worker.state);
  return [`${worker.host} · ${worker.pid}`, state, worker.device, worker.runtime || "–", count(worker.pages_done), rate(worker.pages_per_second), bytes(worker.resident_bytes), age(now - seconds(worker.started_at)), `${age(now - seconds(worker.seen_at))} ago`];
}

function deadRow(job) {
  const why = job.error ? `${job.error.code}: ${job.error.message}` : "some of its pages failed";
  const again = h("button", { type: "button", "aria-label": `Retry ${nameOf(job)}`, onclick: () => retry(job) }, "Retry");
  return [h("a", { href: `#/jobs/${job.id}` }, nameOf(job)), why, `${age(Date.now() / 1000 - seconds(job.finished_at))} ago`, count(job.progress.pages_failed), again];
}

function tileRow(labels) {
  const values = labels.map(() => h("dd", null, "–"));
  const element = h("dl", { class: "tiles" }, labels.map((label, at) => h("div", null, h("dt", null, label), values[at])));
  return { element, update: (texts) => texts.forEach((text, at) => setText(values[at], text)) };
}

function dataTable(title, columns, nothing) {
  const body = h("tbody");
  const note = h("p", { class: "muted" }, "Loading");
  const table = h("table", { class: "plain" }, h("thead", null, h("tr", null, columns.map((name) => h("th", { scope: "col" }, name)))), body);
  const id = `title-${title.replaceAll(" ", "-").toLowerCase()}`;
  table.setAttribute("aria-labelledby", id);
  const element = h("section", { class: "card" }, h("h2", { id }, title), h("div", { class: "scroll-x", tabindex: 0, role: "group", "aria-labelledby": id }, table), note);
  return {
    element,
    update(rows) {
      table.hidden = rows.length === 0;
      note.hidden = rows.length > 0;
      setText(note, nothing);
      body.replaceChildren(...rows.map((cells) => h("tr", null, cells.map((cell) => h("td", typeof cell === "number" ? { class: "number" } : null, cell instanceof Node ? cell : String(cell))))));
    },
    fail(message) {
      table.hidden = true;
      note.hidden = false;
      setText(note, message);
    },
  };
}

/** Pages of each minute of the last hour as bars; the numbers are in the title of each, and summed up for readers. */
function throughput() {
  const [width, height, gap] = [60, 100, 0.18];
  const bars = svg("g", null);
  const picture = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" }, bars);
  const most = h("span", { class: "muted" });
  const element = h("section", { class: "card" }, h("div", { class: "row" }, h("h2", null, "Pages/min, last hour"), h("span", { class: "spacer" }), most), picture, h("div", { class: "axis muted", "aria-hidden": "true" }, h("span", null, "60 min ago"), h("span", null, "30 min"), h("span", null, "now")));
  return {
    element,
    update(minutes) {
      const top = Math.max(1, ...minutes.map((minute) => minute.pages));
      const sum = minutes.reduce((all, minute) => all + minute.pages, 0);
      setText(most, `${count(sum)} pages, at most ${count(top)} a minute`);
      picture.setAttribute("aria-label", `${count(sum)} pages in the last hour, at most ${count(top)} in a minute, ${count(minutes.at(-1)?.pages ?? 0)} in this one`);
      bars.replaceChildren(...minutes.map((minute, at) => {
        const size = (minute.pages / top) * height;
        const bar = svg("rect", { x: width - minutes.length + at + gap / 2, y: height - Math.max(size, 1), width: 1 - gap, height: Math.max(size, 1), class: minute.pages ? "" : "none" });
        bar.append(svg("title", null, `${new Date(minute.at).toLocaleTimeString("en-GB").slice(0, 5)}: ${count(minute.pages)}`));
        return bar;
      }));
    },
  };
}
