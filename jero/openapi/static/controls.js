// The controls of a request: each has a label, and takes one value, or one a line.

import { element, prose } from "./elements.js";

let made = 0;

/** Makes a label above a control, and a description below it. */
export function field(name, control, { note = "", isRequired = false, description = "", quiet = false } = {}) {
  const id = `field-${++made}`;
  control.id = id;
  const about = description ? prose(description) : null;
  if (about) {
    about.id = `${id}-about`;
    control.setAttribute("aria-describedby", about.id);
  }
  const label = element("label", { for: id }, element("code", { class: "name" }, name), " ");
  label.append(
    element("span", { class: "type" }, note),
    isRequired ? element("span", { class: "required" }, " required") : "",
  );
  return element("div", { class: quiet ? "input quiet-input" : "input" }, label, control, about);
}

export function textInput(attributes = {}) {
  return element("input", {
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    autocapitalize: "off",
    ...attributes,
  });
}

export function select(options, attributes = {}) {
  return element("select", attributes, ...options.map(([value, text]) => element("option", { value }, text)));
}

/** Makes the control of a value that is sent as text: a parameter, or a field of a form. */
export function controlOf({ schema, example }) {
  const values = schema.enum ?? ([schema.type].flat().includes("boolean") ? [true, false] : null);
  if (values) return select([["", "–"], ...values.map((value) => [String(value), String(value)])]);
  if (isList(schema)) return element("textarea", { rows: "2", spellcheck: "false", placeholder: "one value a line" });
  const given = example ?? schema.default ?? schema.examples?.[0];
  const control = textInput({ placeholder: given === undefined || given === null ? "" : String(given) });
  if (["integer", "number"].includes([schema.type].flat()[0])) control.inputMode = "decimal";
  return control;
}

export function isList(schema) {
  return [schema.type].flat().includes("array");
}

/** Returns the values to send. An empty control sends none. */
export function typed(schema, text) {
  if (isList(schema)) return text.split("\n").filter((line) => line !== "");
  return text === "" ? [] : [text];
}
