// What else there is to know of a job: timings, events, webhook deliveries.

import { redeliver } from "./actions.js";
import { get } from "./api.js";
import { h, setText, toast } from "./dom.js";
import { clock, duration, isOpen, seconds } from "./format.js";

export function timingsPanel(view) {
  const element = h("div", { class: "panel" });
  view.onresult = () => element.hidden || update();
  function update() {
    const { job, result } = view;
    if (!job) return;
    const now = Date.now() / 1000;
    const [created, started, finished] = [job.created_at, job.started_at, job.finished_at].map(seconds);
    const whole = [["Waited", (started ?? finished ?? now) - created]];
    if (started !== null) whole.push(["Worked", (finished ?? now) - started]);
    const stages = Object.entries(result?.timings_ms ?? {}).map(([stage, ms]) => [stage.replaceAll("_", " "), ms / 1000]);
    const parts = [h("h2", null, "The job"), bars(whole)];
    if (stages.length) parts.push(h("h2", null, `Page ${result.page}, by stage`), bars(stages));
    else parts.push(h("p", { class: "muted" }, "The stages of a page are shown once one is opened under Pages."));
    element.replaceChildren(...parts);
  }
  return { element, update };
}

function bars(entries) {
  const most = Math.max(...entries.map(([, value]) => value), 1e-9);
  return h(
    "table",
    { class: "bars" },
    h("tbody", null, entries.map(([label, value]) => {
      const bar = h("span", { class: "bar" });
      bar.style.width = `${(value / most) * 100}%`;
      return h("tr", null, h("th", { scope: "row" }, label), h("td", { class: "bar-cell" }, bar), h("td", { class: "number" }, duration(value)));
    })),
  );
}

/** What happened, the latest first; of thousands of pages the last ones. */
export function eventsPanel(view) {
  const SHOWN = 300;
  const body = h("tbody");
  const note = h("p", { class: "muted" });
  const element = h("div", { class: "panel" }, h("table", { class: "plain" }, h("thead", null, row("th", ["When", "Event", "What"])), body), note);
  let seen = -1;
  return {
    element,
    update() {
      if (seen === view.story.length) return;
      seen = view.story.length;
      body.replaceChildren(...view.story.slice(-SHOWN).reverse().map((event) => row("td", [clock(Number(event.id.split("-")[0])), event.type, detail(event.data)])));
      setText(note, seen > SHOWN ? `The last ${SHOWN} of ${seen} events.` : "");
    },
  };
}

function detail(data) {
  if (data.page) return `page ${data.page}`;
  if (data.code) return `${data.code}: ${data.message}`;
  return data.device ?? "";
}

export function deliveriesPanel(view) {
  const element = h("div", { class: "panel" });
  let asked = null;
  async function update() {
    // Whatever changes about a job's deliveries is told as a change of the job, which brings another object.
    if (asked === view.job || !view.job) return;
    asked = view.job;
    try {
      const { deliveries } = await get(`/v1/webhook-deliveries?job_id=${view.id}`, { signal: view.signal });
      if (deliveries.length) element.replaceChildren(...deliveries.map(delivery));
      else element.replaceChildren(h("p", { class: "muted" }, isOpen(view.job.status) ? "Webhooks are sent when the job ends." : "This job has no webhook."));
    } catch (error) {
      if (!view.signal.aborted) toast(error.message, "error");
    }
  }
  return { element, update };
}

function delivery(one) {
  const next = one.next_attempt_at && one.state === "pending" ? `, next attempt ${clock(one.next_attempt_at)}` : "";
  return h(
    "section",
    { class: "delivery" },
    h("div", { class: "row" }, h("h2", null, one.type), h("span", { class: "state", "data-state": one.state }, one.state.replace("_", " ")), h("span", { class: "spacer" }), h("button", { type: "button", onclick: () => redeliver(one) }, "Deliver again")),
    h("p", { class: "muted" }, `${one.url}, ${one.attempts} ${one.attempts === 1 ? "attempt" : "attempts"}${next}`),
    one.log.length > 0 && h("table", { class: "plain" }, h("thead", null, row("th", ["Attempt", "When", "Answer", "What"])), h("tbody", null, one.log.map((attempt) => row("td", [attempt.number, clock(attempt.at), attempt.status ?? "none", attempt.error])))),
  );
}

const row = (tag, cells) => h("tr", null, cells.map((cell) => h(tag, tag === "th" ? { scope: "col" } : null, cell)));
