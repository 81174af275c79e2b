// Submitting documents: dropped on the page, chosen, or by their address.

import { send } from "./api.js";
import { h, icon, toast } from "./dom.js";

const AT_ONCE = 3;
const DEVICES = ["auto", "cpu", "gpu", "npu", "xpu", "mlu", "dcu"];
const OUTPUTS = [
  ["json", "JSON", true],
  ["image", "Images", true],
  ["text", "Text", false],
  ["pdf", "Searchable PDF", false],
  ["hocr", "hOCR", false],
  ["alto", "ALTO", false],
];
const PROFILES = ["", "default", "paddleocr-3.7", "paddleocr-3.0"];
// What is left at its default is the worker's to say.
const SWITCH = ["", "on", "off"];
const SWITCHES = [
  ["use_doc_orientation_classify", "Turn pages upright"],
  ["use_textline_orientation", "Turn lines upright"],
  ["use_doc_unwarping", "Flatten pages"],
  ["return_word_box", "Word boxes"],
];

export function submitPanel() {
  const form = optionsForm();
  const files = h("input", { type: "file", multiple: true, class: "offscreen", tabindex: -1, "aria-hidden": "true", id: "files" });
  const address = h("input", { type: "url", name: "url", placeholder: "https://… address of a document", "aria-label": "Address of a document", required: true });
  files.addEventListener("change", () => {
    sendAll([...files.files], form.request());
    files.value = "";
  });
  const byAddress = h("form", { class: "by-address", onsubmit: (event) => {
    event.preventDefault();
    submitAddress(address.value, form.request()).then((sent) => sent && (address.value = ""));
  } }, address, h("button", { type: "submit" }, "Submit"));
  const choose = h("button", { type: "button", class: "primary", onclick: () => files.click() }, icon("upload"), "Choose files");
  const panel = h(
    "section",
    { class: "submit", "aria-label": "Submit documents" },
    h("div", { class: "submit-row" }, choose, h("span", { class: "hint" }, "or drop them anywhere on this page"), byAddress, form.toggle),
    files,
    form.element,
  );
  panel.accept = (dropped) => sendAll(dropped, form.request());
  return panel;
}

function optionsForm() {
  const select = (name, values, chosen, unset = "default") =>
    h("select", { name }, values.map((value) => h("option", { value, selected: value === chosen }, value || unset)));
  const field = (label, control) => h("label", { class: "field" }, h("span", null, label), control);
  const box = (name, value, label, checked) =>
    h("label", { class: "check" }, h("input", { type: "checkbox", name, value, checked }), label);
  const element = h(
    "form",
    { class: "options", id: "options", hidden: true, onsubmit: (event) => event.preventDefault() },
    field("Device", select("device", DEVICES, "auto")),
    field("Priority", select("priority", ["low", "normal", "high"], "normal")),
    field("Profile", select("profile", PROFILES, "", "worker’s")),
    field("Language", h("input", { name: "lang", placeholder: "worker’s, or en, …", size: 18 })),
    field("Pages", h("input", { name: "pages", placeholder: "all, or 1-3,7", size: 12 })),
    field("Tag", h("input", { name: "tag", maxlength: 64, size: 14 })),
    field("Webhook", h("input", { name: "webhook", type: "url", placeholder: "https://…", size: 22 })),
    h("fieldset", null, h("legend", null, "Outputs"), OUTPUTS.map(([value, label, on]) => box("outputs", value, label, on))),
    SWITCHES.map(([name, label]) => field(label, select(name, SWITCH, ""))),
  );
  const toggle = h("button", { type: "button", class: "quiet", "aria-expanded": "false", "aria-controls": "options", onclick: () => {
    element.hidden = !element.hidden;
    toggle.setAttribute("aria-expanded", String(!element.hidden));
  } }, "Options");
  return { element, toggle, request: () => requestOf(new FormData(element)) };
}

/** A job request; what was left alone is left out. */
function requestOf(data) {
  const request = { device: data.get("device"), priority: data.get("priority"), outputs: data.getAll("outputs") };
  for (const name of ["pages", "tag"]) {
    const value = data.get(name).trim();
    if (value) request[name] = value;
  }
  const webhook = data.get("webhook").trim();
  if (webhook) request.webhook = { url: webhook };
  const options = {};
  for (const name of ["profile", "lang"]) {
    const value = data.get(name).trim();
    if (value) options[name] = value;
  }
  for (const [name] of SWITCHES) if (data.get(name)) options[name] = data.get(name) === "on";
  if (Object.keys(options).length) request.options = options;
  return request;
}

async function sendAll(files, request) {
  const waiting = [...files];
  let sent = 0;
  const worker = async () => {
    while (waiting.length) {
      const one = await submitFile(waiting.shift(), request);
      sent += one; // read after the wait: others count meanwhile
    }
  };
  if (files.length > 1 || (files[0]?.size ?? 0) > 5e6) toast(`Sending ${files.length === 1 ? files[0].name : `${files.length} documents`}`);
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (sent) toast(sent === 1 && files.length === 1 ? `Submitted ${files[0].name}` : `Submitted ${sent} of ${files.length} documents`);
}

async function submitFile(file, request) {
  const form = new FormData();
  form.set("request", JSON.stringify(request));
  form.set("file", file, file.name);
  try {
    await send("POST", "/v1/jobs", { form });
    return 1;
  } catch (error) {
    toast(`${file.name}: ${error.message}`, "error");
    return 0;
  }
}

async function submitAddress(url, request) {
  try {
    await send("POST", "/v1/jobs", { json: { source: { type: "url", url }, ...request } });
    toast("Submitted");
    return true;
  } catch (error) {
    toast(error.message, "error");
    return false;
  }
}

/** Documents dropped anywhere go to the panel, if the view has one. */
export function acceptDrops() {
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (on) => document.body.classList.toggle("dropping", on);
  addEventListener("dragenter", (event) => hasFiles(event) && (event.preventDefault(), (depth += 1), mark(true)));
  addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  addEventListener("dragleave", (event) => hasFiles(event) && (depth = Math.max(0, depth - 1)) === 0 && mark(false));
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    mark(false);
    const panel = document.querySelector(".submit");
    if (panel) panel.accept([...event.dataTransfer.files]);
    else toast("Documents are submitted from the list of jobs.");
  });
}
