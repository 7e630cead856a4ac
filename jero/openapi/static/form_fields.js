// The fields of a form in the body of a request: a control for each, and what they send.

import { controlOf, field, isList, typed } from "./controls.js";
import { isMultipart } from "./document.js";
import { element } from "./elements.js";
import { rowsOf, typeText } from "./schema.js";

export class FormFields {
  #type;
  #controls;

  /** `media`: the media type of a form, with the schema whose properties are its fields. */
  constructor(api, { type, schema }) {
    this.#type = type;
    this.#controls = rowsOf(api, schema ?? {}).map((row) => controlFor(api, row));
    this.elements = this.#controls.map(({ view }) => view);
  }

  /** Returns what is sent: `FormData` of `multipart/form-data`, or else the encoded text. Empty fields are left out. */
  content() {
    const form = isMultipart(this.#type) ? new FormData() : new URLSearchParams();
    for (const { name, values } of this.#controls) for (const value of values()) form.append(name, value);
    return form instanceof FormData ? form : form.toString();
  }
}

function controlFor(api, { name, node, isRequired }) {
  const schema = plain(api, node);
  const items = isList(schema) ? plain(api, schema.items) : null;
  const isUpload = isFile(items ?? schema);
  const control = isUpload
    ? element("input", items ? { type: "file", multiple: "" } : { type: "file" })
    : controlOf({ schema: { ...schema, type: items ? "array" : schema.type } });
  const note = typeText(api, node);
  const view = field(name, control, { note, isRequired, description: api.resolve(node).description });
  return { name, view, values: () => (isUpload ? [...control.files] : typed(schema, control.value)) };
}

/** Returns the schema of a value that is not null. */
function plain(api, node) {
  const schema = api.resolve(node ?? {});
  const choices = schema.oneOf ?? schema.anyOf;
  const choice = choices?.find((each) => api.resolve(each).type !== "null");
  return choice ? plain(api, choice) : schema;
}

function isFile(schema) {
  return schema.format === "binary" || schema.contentMediaType === "application/octet-stream";
}
