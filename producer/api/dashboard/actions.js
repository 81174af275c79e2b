// What can be done to a job, with the words for it.

import { get, send } from "./api.js";
import { confirmed, iconButton, toast } from "./dom.js";
import { isOpen, nameOf } from "./format.js";

const path = (job, verb) => `/v1/jobs/${job.id}${verb}`;

async function attempt(done, action) {
  try {
    await action();
    if (done) toast(done);
    return true;
  } catch (error) {
    toast(error.message, "error");
    return false;
  }
}

export const isRetryable = (job) => !isOpen(job.status) && job.status !== "succeeded";

export const cancel = (job) => attempt(`Cancelling ${nameOf(job)}`, () => send("POST", path(job, "/cancel")));

export const retry = (job) => attempt(`${nameOf(job)} runs again`, () => send("POST", path(job, "/retry")));

export async function remove(job) {
  const text = `${nameOf(job)}, its pages and everything that was stored for it will be gone.`;
  if (!(await confirmed("Delete this job?", text, "Delete"))) return false;
  return attempt(`Deleted ${nameOf(job)}`, () => send("DELETE", path(job, "")));
}

export const redeliver = (delivery) =>
  attempt("Delivering again", () => send("POST", `/v1/webhook-deliveries/${delivery.id}/redeliver`));

export const jobOf = (id, options) => get(`/v1/jobs/${id}`, options);

/** The three buttons of a row; `update(job)` shows those that make sense. */
export function rowActions() {
  let job = null;
  const buttons = {
    cancel: iconButton("cancel", "Cancel", () => cancel(job)),
    retry: iconButton("retry", "Retry", () => retry(job)),
    remove: iconButton("remove", "Delete", () => remove(job)),
  };
  const update = (next) => {
    if (job?.id === next.id && job.status === next.status) return;
    job = next;
    buttons.cancel.hidden = !isOpen(job.status);
    buttons.retry.hidden = !isRetryable(job);
    for (const [name, word] of [["cancel", "Cancel"], ["retry", "Retry"], ["remove", "Delete"]]) {
      buttons[name].setAttribute("aria-label", `${word} ${nameOf(job)}`);
    }
  };
  return { elements: [buttons.cancel, buttons.retry, buttons.remove], update };
}
