// Shows one operation: its title, the form of its request, its response, and its reference.

import { copyButton, element, json, prose } from "./elements.js";
import { RequestForm } from "./form.js";
import { LiveView } from "./live.js";
import { buildRequest, curlCommand } from "./request.js";
import { Run } from "./run.js";
import { schemaTree, typeText } from "./schema.js";

export class OperationView {
  #operation;
  #root;
  #form;
  #live;
  #run = null;
  #command = element("pre", { tabindex: "0", "aria-label": "As a curl command" });
  #parts;
  #onRunning;

  /** `root`: the URL of the application; `onRunning(isRunning)`: called when a run begins and when it is over. */
  constructor(api, operation, { credentials, root, onRunning }) {
    this.#operation = operation;
    this.#root = root;
    this.#onRunning = onRunning;
    this.#live = new LiveView(this.#operation.isStream);
    this.#form = new RequestForm(api, operation, credentials);
    this.#parts = this.#controls();
    const { curl, ...controls } = this.#parts;
    this.#form.element.append(element("div", { class: "bar controls" }, ...Object.values(controls)), curl);
    this.#listen();
    this.element = element(
      "article",
      { class: "operation" },
      title(operation),
      element("div", { class: "bench" }, this.#form.element, this.#live.element),
      reference(api, operation),
    );
  }

  #controls() {
    const button = (text, attributes) => element("button", { type: "button", ...attributes }, text);
    return {
      start: button(this.#operation.isStream ? "Start" : "Send", { type: "submit", class: "primary" }),
      stop: button("Stop", { class: "stop", hidden: true }),
      resume: button("Resume", { class: "resume", hidden: true }),
      message: element("span", { class: "message", role: "alert" }),
      curl: element(
        "div",
        { class: "curl" },
        this.#command,
        copyButton(() => this.#command.textContent),
      ),
    };
  }

  #listen() {
    const form = this.#form.element;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
    form.addEventListener("input", () => this.#showCurl());
    form.addEventListener("click", () => this.#showCurl());
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    this.#parts.stop.addEventListener("click", () => this.#run.stop());
    this.#parts.resume.addEventListener("click", () => this.#resume());
  }

  /** Updates the form and the command. Call it whenever the view is shown. */
  refresh() {
    this.#form.refresh();
    this.#showCurl();
  }

  #request(resumed = {}) {
    return buildRequest(this.#operation, { ...this.#form.values(), ...resumed }, this.#root);
  }

  #showCurl() {
    const command = curlCommand(this.#request(), this.#operation.isStream);
    if (this.#command.textContent !== command) this.#command.textContent = command;
  }

  async #start() {
    const missing = this.#form.focusMissing();
    this.#parts.message.textContent = missing ? `${missing} has no value.` : "";
    if (missing) return;
    this.#run?.stop();
    this.#run = new Run();
    const isOver = this.#follow(this.#run.begin(this.#request()));
    this.#live.show(this.#run);
    this.#live.reveal();
    await isOver;
  }

  async #resume() {
    const { lastEventId } = this.#run;
    const isOver = this.#follow(this.#run.begin(this.#request({ lastEventId })));
    this.#live.watch();
    await isOver;
  }

  async #follow(exchange) {
    const run = this.#run;
    this.#parts.stop.hidden = false;
    this.#parts.resume.hidden = true;
    this.#onRunning(true);
    await exchange;
    if (run !== this.#run) return; // another run was started instead
    this.#parts.stop.hidden = true;
    this.#parts.resume.hidden = run.lastEventId === "" || run.response?.status === 204;
    this.#onRunning(false);
  }
}

function title(operation) {
  return element(
    "header",
    { class: "title" },
    element("h1", { tabindex: "-1" }, methodMark(operation.method), " ", ...pathParts(operation.path)),
    operation.summary
      ? element("p", { class: operation.isDeprecated ? "summary deprecated" : "summary" }, operation.summary)
      : null,
    operation.isDeprecated ? element("p", { class: "warning" }, "Deprecated.") : null,
    prose(operation.description),
  );
}

export function methodMark(method) {
  return element("span", { class: `method ${method.toLowerCase()}` }, method);
}

function pathParts(path) {
  const parts = path.split(/(\{[^}]+\})/);
  return parts.map((part) => (part.startsWith("{") ? element("span", { class: "slot" }, part) : part));
}

function reference(api, operation) {
  const body = operation.body;
  return element(
    "section",
    { class: "reference" },
    body ? element("h2", {}, "Request body") : null,
    body?.description ? prose(body.description) : null,
    ...alike(body?.media ?? []).map((media) => mediaView(api, media)),
    element("h2", {}, "Responses"),
    ...operation.responses.map((response) => responseView(api, response)),
  );
}

function responseView(api, response) {
  const isGood = /^[23]/.test(response.status);
  const head = element(
    "summary",
    {},
    element("strong", { class: `status ${isGood ? "good" : "refused"}` }, response.status),
    " ",
    element("span", {}, response.description.split("\n")[0]),
  );
  const headers = response.headers.map((header) =>
    element(
      "li",
      {},
      element("code", { class: "name" }, header.name),
      " ",
      element("span", { class: "type" }, typeText(api, header.schema)),
      header.description ? prose(header.description) : null,
    ),
  );
  return element(
    "details",
    { class: "response", open: isGood },
    head,
    headers.length ? element("ul", { class: "fields" }, ...headers) : null,
    ...alike(response.media).map((media) => mediaView(api, media)),
  );
}

/** Groups the media types that have the same content. */
function alike(media) {
  const byContent = new Map();
  for (const { type, ...content } of media) {
    const key = JSON.stringify(content);
    byContent.set(key, { ...content, types: [...(byContent.get(key)?.types ?? []), type] });
  }
  return [...byContent.values()];
}

function mediaView(api, { types, schema, itemSchema, example }) {
  return element(
    "div",
    { class: "media" },
    element(
      "p",
      {},
      element("code", {}, types.join(", ")),
      itemSchema ? element("span", { class: "quiet" }, " item by item") : null,
    ),
    itemSchema || schema ? schemaTree(api, itemSchema ?? schema) : null,
    example === undefined ? null : json(typeof example === "string" ? example : JSON.stringify(example, null, 2)),
  );
}
