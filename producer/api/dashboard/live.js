// One stream of everything that happens, for all views of this page; it comes back by itself.

import { events, keys } from "./api.js";

const BACKOFF_MS = [500, 1000, 2000, 5000, 10_000];
// A browser gives one server six connections over all its tabs: those nobody looks at let theirs go.
const HIDDEN_MS = 60_000;

class Live extends EventTarget {
  #position = null;
  #stop = null;
  #failures = 0;
  #timer = 0;
  #fleet = false;

  start() {
    keys.addEventListener("changed", () => this.#restart());
    document.addEventListener("visibilitychange", () => {
      clearTimeout(this.#timer);
      if (document.hidden) this.#timer = setTimeout(() => this.#pause(), HIDDEN_MS);
      else if (!this.#stop) this.#follow();
    });
    this.#follow();
  }

  /** Also tell of the fleet, as long as a view shows it. */
  set fleet(wanted) {
    if (wanted === this.#fleet) return;
    this.#fleet = wanted;
    if (this.#stop) this.#restart();
  }

  #restart() {
    this.#pause();
    this.#follow();
  }

  #pause() {
    this.#stop?.abort();
    this.#stop = null;
    clearTimeout(this.#timer);
  }

  async #follow() {
    const stop = new AbortController();
    this.#stop = stop;
    this.#tell("state", "connecting");
    try {
      const resume = this.#position ? { "Last-Event-ID": this.#position } : {};
      // With a position the server begins with what was missed, else with `open`.
      for await (const event of events(this.#fleet ? "/v1/events?fleet=true" : "/v1/events", { signal: stop.signal, headers: resume })) {
        if (stop.signal.aborted) return;
        this.#position = event.id ?? this.#position;
        this.#failures = 0;
        this.#tell("state", "live");
        this.#tell(event.type, event.data);
      }
    } catch (error) {
      if (stop.signal.aborted) return;
      if (error.status === 401) {
        this.#tell("state", "locked");
        this.#stop = null;
        return;
      }
    }
    if (stop.signal.aborted) return;
    this.#tell("state", "lost");
    // The server may be another one, or have forgotten: views read what they show anew.
    this.#position = null;
    this.#timer = setTimeout(() => this.#follow(), BACKOFF_MS[Math.min(this.#failures++, BACKOFF_MS.length - 1)]);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** Events: `job`, `deleted`, `fleet` as the server sends them; `open` when a stream begins anew; `state`. */
export const live = new Live();
