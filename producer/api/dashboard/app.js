// The page: which view is shown, the key, the theme, whether events arrive.

import { hasKey, keys, setKey } from "./api.js";
import { setText } from "./dom.js";
import { fleetView } from "./fleet.js";
import { jobView } from "./job.js";
import { jobsView } from "./jobs.js";
import { live } from "./live.js";
import { acceptDrops } from "./submit.js";

const STATES = { live: "Live", connecting: "Connecting", lost: "Reconnecting", locked: "Needs a key" };
const THEMES = ["auto", "light", "dark"];
const main = document.getElementById("main");
let leave = null;
let shown = "";

function show() {
  const [path, query] = (location.hash.replace(/^#/, "") || "/").split("?");
  const job = /^\/jobs\/([0-9a-f]{32})(?:\/(\d+))?$/.exec(path);
  const view = job ? jobView : path === "/fleet" ? fleetView : jobsView;
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.dataset.view === (view === fleetView ? "fleet" : "jobs");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  leave?.();
  live.fleet = view === fleetView;
  main.className = view === fleetView ? "fleet" : job ? "job" : "jobs";
  leave = view(main, { query: new URLSearchParams(query), job: job?.[1], page: Number(job?.[2] ?? 0) });
  if (shown && shown !== path) main.focus({ preventScroll: true });
  shown = path;
}

function followKey() {
  const dialog = document.getElementById("key-dialog");
  const input = document.getElementById("key-input");
  const why = document.getElementById("key-why");
  const button = document.getElementById("key");
  const usual = why.textContent;
  const ask = (text) => {
    if (dialog.open) return;
    why.textContent = text;
    input.value = "";
    dialog.returnValue = "cancel";
    dialog.showModal();
  };
  button.addEventListener("click", () => ask(hasKey() ? `${usual} Leave it empty to forget the one in use.` : usual));
  keys.addEventListener("needed", () => ask(`${hasKey() ? "This key is not accepted." : "This server asks for a key."} ${usual}`));
  // No button that submits: Enter would press the first of these.
  document.getElementById("key-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.returnValue === "save" && setKey(input.value.trim()));
  keys.addEventListener("changed", show);
}

function followTheme() {
  const button = document.getElementById("theme");
  let theme = localStorage.getItem("ocrfleet.theme") ?? "auto";
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    setText(button, theme);
    button.setAttribute("aria-label", `Theme: ${theme}`);
  };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    localStorage.setItem("ocrfleet.theme", theme);
    apply();
  });
  apply();
}

function followState() {
  const label = document.getElementById("live");
  live.addEventListener("state", ({ detail }) => {
    label.dataset.state = detail;
    setText(label, STATES[detail]);
  });
}

followTheme();
followKey();
followState();
acceptDrops();
live.start();
addEventListener("hashchange", show);
show();
