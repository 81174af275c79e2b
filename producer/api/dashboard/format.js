// Numbers, times and names as people read them.

const COUNT = new Intl.NumberFormat("en");
const UNITS = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
];

export const count = (number) => COUNT.format(number);

/** Seconds as `850 ms`, `4.2 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(seconds) {
  if (seconds < 0) return "0 s";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const [size, unit] = UNITS.find(([one]) => seconds >= one);
  const whole = Math.floor(seconds / size);
  const [rest, restUnit] = size === 60 ? [Math.floor(seconds % 60), "s"] : size === 3600 ? [Math.floor((seconds % 3600) / 60), "min"] : [Math.floor((seconds % 86400) / 3600), "h"];
  return rest ? `${whole} ${unit} ${rest} ${restUnit}` : `${whole} ${unit}`;
}

/** How long ago, coarse enough to be read in a moving list. */
export function age(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  const [size, unit] = UNITS.find(([one]) => seconds >= one);
  return `${Math.floor(seconds / size)} ${unit}`;
}

export function rate(pagesPerSecond) {
  if (!pagesPerSecond) return "–";
  if (pagesPerSecond >= 10) return count(Math.round(pagesPerSecond));
  return pagesPerSecond.toFixed(pagesPerSecond < 1 ? 2 : 1);
}

export function bytes(size) {
  if (size < 1024) return `${size} B`;
  const power = Math.min(4, Math.floor(Math.log2(size) / 10));
  const value = size / 1024 ** power;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

export const seconds = (iso) => (iso ? Date.parse(iso) / 1000 : null);

export function clock(iso) {
  const at = new Date(iso);
  const time = at.toLocaleTimeString("en-GB");
  return at.toDateString() === new Date().toDateString() ? time : `${at.toLocaleDateString("en-CA")} ${time}`;
}

export const isOpen = (status) => status === "queued" || status === "running";

export const nameOf = (job) => job.filename || job.id;

/** Pages a second since the job was started, null before its first page, and where others were read at an earlier try. */
export function speed(job, now) {
  const done = job.progress.pages_done;
  const started = seconds(job.started_at);
  if (!done || started === null || job.attempts > 1) return null;
  return done / Math.max(0.001, (seconds(job.finished_at) ?? now) - started);
}
