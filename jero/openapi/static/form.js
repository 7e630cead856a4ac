// The form of a request: parameters, credentials, headers, body.

import { controlOf, field, select, textInput, typed } from "./controls.js";
import { isEventStream, isForm, isJson, isLines } from "./document.js";
import { element } from "./elements.js";
import { FormFields } from "./form_fields.js";
import { sample, typeText } from "./schema.js";

function group(title, ...content) {
  return element("fieldset", {}, element("legend", {}, title), ...content);
}

export class RequestForm {
  #api;
  #operation;
  #credentials;
  #secrets = [];
  #parameters = [];
  #accept = null;
  #lastEventId = null;
  #headers = null;
  #body = null;

  /** `credentials`: the typed values for each security scheme. All operations share them, in memory alone. */
  constructor(api, operation, credentials) {
    this.#api = api;
    this.#operation = operation;
    this.#credentials = credentials;
    this.element = element("form", { class: "request", autocomplete: "off" });
    this.element.append(...this.#groups().filter(Boolean));
  }

  values() {
    return {
      parameters: this.#parameters.map(({ parameter, control }) => ({
        parameter,
        values: typed(parameter.schema, control.value),
      })),
      credentials: this.#operation.security.schemes.map((scheme) => this.#credential(scheme)),
      accept: this.#accept?.value ?? "",
      lastEventId: this.#lastEventId?.value ?? "",
      headers: headerLines(this.#headers.value),
      body: this.#body?.() ?? null,
    };
  }

  /** Focuses the first slot of the path without a value. Returns its name, or null if every slot has one. */
  focusMissing() {
    const missing = this.#parameters.find(({ parameter, control }) => parameter.in === "path" && !control.value);
    missing?.control.focus();
    return missing?.parameter.name ?? null;
  }

  /** Shows the current credentials, which may have been typed at another operation. */
  refresh() {
    for (const show of this.#secrets) show();
  }

  #groups() {
    const inPlace = (where) => this.#operation.parameters.filter((parameter) => parameter.in === where);
    const place = (title, where) => {
      const fields = inPlace(where).map((parameter) => this.#parameterField(parameter));
      return fields.length ? group(title, ...fields.filter(Boolean)) : null;
    };
    const headers = place("Headers", "header") ?? group("Headers");
    headers.append(...this.#headerFields());
    return [
      place("Path", "path"),
      place("Query", "query"),
      this.#security(),
      this.#operation.body ? this.#bodyGroup(this.#operation.body) : null,
      headers,
      place("Cookies (a browser sends only those that it has: these go into the curl command)", "cookie"),
    ];
  }

  #parameterField(parameter) {
    const isLastEventId = parameter.in === "header" && parameter.name.toLowerCase() === "last-event-id";
    const control = isLastEventId ? textInput() : controlOf(parameter);
    if (isLastEventId) this.#lastEventId = control;
    else this.#parameters.push({ parameter, control });
    return field(parameter.name, control, {
      note: typeText(this.#api, parameter.schema),
      isRequired: parameter.required === true,
      description: parameter.description,
    });
  }

  #headerFields() {
    const types = responseTypes(this.#operation);
    const fields = [];
    if (types.length > 1) {
      this.#accept = select([...types.map((type) => [type, type]), ["*/*", "*/*"]], { class: "accept" });
      fields.push(field("Accept", this.#accept, { note: "the format of the answer" }));
    }
    if (this.#lastEventId === null && types.some(isEventStream)) {
      this.#lastEventId = textInput();
      fields.push(field("Last-Event-ID", this.#lastEventId, { note: "where to go on" }));
    }
    this.#headers = element("textarea", { rows: "1", spellcheck: "false", placeholder: "Name: value" });
    fields.push(field("others", this.#headers, { note: "one a line", quiet: true }));
    return fields;
  }

  #security() {
    const { schemes, isOptional } = this.#operation.security;
    if (!schemes.length) return null;
    const title = `Credentials${schemes.length > 1 ? " (any of them)" : ""}${isOptional ? ", optional" : ""}`;
    return group(title, ...schemes.flatMap((scheme) => this.#schemeFields(scheme)));
  }

  #schemeFields(scheme) {
    const known = this.#credential(scheme);
    const bind = (control, part) => {
      this.#secrets.push(() => (control.value = known[part]));
      control.dataset.credential = `${scheme.key} ${part}`;
      control.addEventListener("input", () => (known[part] = control.value));
      return control;
    };
    const secret = (part) => bind(textInput({ type: "password", autocomplete: "new-password" }), part);
    const description = scheme.description;
    if (scheme.type === "http" && scheme.scheme?.toLowerCase() === "basic") {
      const name = field("user name", bind(textInput(), "first"), { note: `${scheme.key}, basic`, description });
      return [name, field("password", secret("second"))];
    }
    const isKey = scheme.type === "apiKey";
    const note = isKey
      ? `${scheme.key}, key in ${scheme.in}${scheme.in === "cookie" ? ", for curl alone" : ""}`
      : scheme.key;
    return [field(isKey ? scheme.name : "bearer token", secret("first"), { note, description })];
  }

  #credential(scheme) {
    if (!this.#credentials.has(scheme.key)) this.#credentials.set(scheme.key, { first: "", second: "" });
    const known = this.#credentials.get(scheme.key);
    known.scheme = scheme;
    return known;
  }

  #bodyGroup(body) {
    const types = body.media.map((media) => media.type);
    const type = types.length > 1 ? select(types.map((each) => [each, each])) : { value: types[0] ?? "" };
    const mediaOf = () => body.media.find((media) => media.type === type.value);
    const text = element("textarea", { class: "body", spellcheck: "false", "aria-label": "Body" });
    const file = element("input", { type: "file", "aria-label": "Body from a file" });
    const fields = element("div");
    let form = null;
    const fill = () => {
      const media = mediaOf();
      form = media && isForm(media.type) ? new FormFields(this.#api, media) : null;
      fields.replaceChildren(...(form?.elements ?? []));
      text.hidden = file.hidden = form !== null;
      text.value = sampleText(this.#api, mediaOf());
      text.rows = Math.min(Math.max(text.value.split("\n").length, 3), 16);
      file.value = "";
    };
    fill();
    if (types.length > 1) type.addEventListener("change", fill);
    this.#body = () => ({ type: type.value, content: form ? form.content() : (file.files[0] ?? text.value) });
    const head = types.length > 1 ? field("Content-Type", type) : element("p", { class: "quiet" }, types[0] ?? "");
    const reset = element("button", { type: "button", class: "small", onclick: fill }, types.every(isForm) ? "Empty again" : "Sample again");
    const title = `Body${body.required ? "" : ", optional"}`;
    return group(title, head, text, fields, element("div", { class: "bar" }, reset, types.every(isJson) ? null : file));
  }
}

function headerLines(text) {
  const pairs = text
    .split("\n")
    .map((line) => [line.slice(0, line.indexOf(":")).trim(), line.slice(line.indexOf(":") + 1).trim()]);
  return pairs.filter(([name]) => name);
}

/** Returns the media types of successful responses. */
export function responseTypes(operation) {
  const media = operation.responses.filter(({ status }) => /^2/.test(status)).flatMap((response) => response.media);
  return [...new Set(media.map(({ type }) => type))];
}

function sampleText(api, media) {
  if (!media) return "";
  const { type, schema, itemSchema, example } = media;
  if (isLines(type)) {
    const item = JSON.stringify(example ?? sample(api, itemSchema ?? schema ?? {}));
    return `${item}\n${item}\n`;
  }
  if (isJson(type)) return JSON.stringify(example ?? sample(api, schema ?? {}), null, 2);
  return typeof example === "string" ? example : "";
}
