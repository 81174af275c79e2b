// The HTTP API of the server that this page came from, with the key of this tab.

const KEY = "ocrfleet.key";

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** `needed` when a request was refused for want of a key, `changed` when there is another one. */
export const keys = new EventTarget();

export function setKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
  keys.dispatchEvent(new Event("changed"));
}

export const hasKey = () => Boolean(sessionStorage.getItem(KEY));

/** Send a request. Throws ApiError for every answer from 400 up, and where there is none. */
export async function send(method, path, { json, form, headers = {}, signal } = {}) {
  const key = sessionStorage.getItem(KEY);
  const body = json === undefined ? form : JSON.stringify(json);
  const type = json === undefined ? {} : { "Content-Type": "application/json" };
  const authorization = key ? { Authorization: `Bearer ${key}` } : {};
  let answer;
  try {
    answer = await fetch(path, { method, body, signal, headers: { ...type, ...authorization, ...headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The server does not answer.");
  }
  if (answer.ok) return answer;
  const problem = (await answer.json().catch(() => ({}))).error;
  if (answer.status === 401) keys.dispatchEvent(new Event("needed"));
  throw new ApiError(answer.status, problem?.code ?? "unknown", problem?.message ?? `The server answered ${answer.status}.`);
}

export const get = async (path, options) => (await send("GET", path, options)).json();

/** A stored file: past the addresses of the object store, which this page may not ask. */
export const blob = async (path, options) => (await send("GET", `${path}?redirect=false`, options)).blob();

/** Where the picture of a page is; pages count from 1. */
export const viewOf = (job, page, view) => `/v1/jobs/${job}/files/${String(page).padStart(5, "0")}_${view}.jpg`;

/** Save a file under its name. */
export async function download(path, name) {
  const address = URL.createObjectURL(await blob(path));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Server-sent events, with the key in a header, where EventSource would need it in the address. */
export async function* events(path, options) {
  const answer = await send("GET", path, { ...options, headers: { Accept: "text/event-stream", ...options?.headers } });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = {};
  while (true) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data !== undefined) yield { id: event.id, type: event.event ?? "message", data: JSON.parse(event.data) };
        event = {};
        continue;
      }
      const at = line.indexOf(":");
      if (at > 0) event[line.slice(0, at)] = line.slice(at + 1).replace(/^ /, "");
    }
  }
}
