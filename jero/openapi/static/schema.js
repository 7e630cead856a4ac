// Shows JSON Schemas: a type's name in a line, its fields as a tree, a sample value.

import { element, prose } from "./elements.js";

const SAMPLES = {
  "date-time": "2026-01-31T12:00:00Z",
  date: "2026-01-31",
  time: "12:00:00",
  duration: "PT1H",
  uuid: "3fa85f64-5717-4562-b3fc-2c963f66afa6",
  uri: "https://example.com/",
  email: "user@example.com",
  byte: "",
  decimal: "1.50",
};
const DEEPEST_SAMPLE = 6;

/** Returns the name of a type in one line: `integer ≥ 1`, `array of Movie`, `string (date-time) or null`. */
export function typeText(api, node) {
  if (node === true || node == null) return "anything";
  const name = node.$ref ? node.$ref.split("/").pop() : node.title;
  const schema = api.resolve(node);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.map((choice) => typeText(api, choice)).join(" or ");
  if (schema.contentSchema) return `${typeText(api, schema.contentSchema)} as JSON`;
  if (schema.allOf?.length === 1) return typeText(api, schema.allOf[0]);
  if (isObject(schema)) return name ?? "object";
  const types = [schema.type ?? "anything"].flat();
  return types.map((type) => (type === "array" ? arrayText(api, schema) : `${type}${format(schema)}`)).join(" or ");
}

function arrayText(api, schema) {
  if (schema.prefixItems) return `[${schema.prefixItems.map((item) => typeText(api, item)).join(", ")}]`;
  return `array of ${typeText(api, schema.items)}${limits(schema, "minItems", "maxItems")}`;
}

function format(schema) {
  const named = schema.format ?? schema.contentMediaType;
  const range = limits(schema, "minimum", "maximum") + limits(schema, "minLength", "maxLength");
  return (named ? ` (${named})` : "") + range;
}

function limits(schema, least, most) {
  const parts = [];
  if (schema[least] !== undefined) parts.push(`≥ ${schema[least]}`);
  if (schema[most] !== undefined) parts.push(`≤ ${schema[most]}`);
  if (least === "minimum" && schema.exclusiveMinimum !== undefined) parts.push(`> ${schema.exclusiveMinimum}`);
  if (least === "minimum" && schema.exclusiveMaximum !== undefined) parts.push(`< ${schema.exclusiveMaximum}`);
  const unit = least === "minimum" || !parts.length ? "" : least === "minItems" ? " items" : " characters";
  return parts.length ? ` ${parts.join(", ")}${unit}` : "";
}

function isObject(schema) {
  return schema.properties !== undefined || [schema.type].flat().includes("object");
}

/** Shows the schema as a tree. Each level is built when it is opened, so that a schema may be recursive. */
export function schemaTree(api, node) {
  const schema = api.resolve(node);
  const head = element("span", { class: "type" }, typeText(api, node));
  const rows = rowsOf(api, node);
  const notes = [schema.description ? prose(schema.description) : null, rows.length ? rowList(api, rows) : null];
  return element("div", { class: "schema" }, head, ...notes);
}

function rowList(api, rows) {
  return element("ul", { class: "fields" }, ...rows.map((row) => element("li", {}, fieldView(api, row))));
}

function fieldView(api, { name, node, isRequired }) {
  const schema = api.resolve(node);
  const line = [
    name ? element("code", { class: "name" }, name) : null,
    " ",
    element("span", { class: "type" }, typeText(api, node)),
    isRequired ? element("span", { class: "required" }, " required") : null,
    schema.default !== undefined
      ? element("span", { class: "quiet" }, ` default ${JSON.stringify(schema.default)}`)
      : null,
    schema.pattern ? element("span", { class: "quiet" }, ` matches ${schema.pattern}`) : null,
  ];
  const description = schema.description && name ? prose(schema.description) : null;
  const rows = rowsOf(api, node);
  if (!rows.length) return element("div", { class: "field" }, ...line, description);
  const view = element("details", { class: "field" }, element("summary", {}, ...line), description);
  view.addEventListener("toggle", () => view.append(rowList(api, rows)), { once: true });
  return view;
}

/** Returns the rows below a schema: its properties, its alternatives, or those of an array's or string's content. */
export function rowsOf(api, node) {
  const schema = api.resolve(node);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) {
    const open = choices.filter((choice) => rowsOf(api, choice).length);
    return open.length === 1 ? rowsOf(api, open[0]) : open.map((choice) => ({ node: choice }));
  }
  const inner = schema.contentSchema ?? schema.items;
  if (inner && rowsOf(api, inner).length) return rowsOf(api, inner);
  const parts = [schema, ...(schema.allOf ?? []).map((part) => api.resolve(part))];
  const required = new Set(parts.flatMap((part) => part.required ?? []));
  const named = parts.flatMap((part) => Object.entries(part.properties ?? {}));
  const rows = named.map(([name, property]) => ({ name, node: property, isRequired: required.has(name) }));
  if (typeof schema.additionalProperties === "object") rows.push({ name: "…", node: schema.additionalProperties });
  return rows;
}

/** Returns a short value that fits the schema and has every field. */
export function sample(api, node, depth = 0) {
  const schema = api.resolve(node);
  const given = schema.example ?? schema.examples?.[0] ?? schema.default ?? schema.const ?? schema.enum?.[0];
  if (given !== undefined) return given;
  if (depth > DEEPEST_SAMPLE) return null;
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return sample(api, choices.find((choice) => api.resolve(choice).type !== "null") ?? {}, depth + 1);
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => sample(api, part, depth + 1)));
  if (isObject(schema)) {
    const fields = Object.entries(schema.properties ?? {});
    return Object.fromEntries(fields.map(([name, property]) => [name, sample(api, property, depth + 1)]));
  }
  return scalar(api, schema, depth);
}

function scalar(api, schema, depth) {
  const type = [schema.type].flat().find((each) => each !== "null");
  if (type === "array") {
    if (schema.prefixItems) return schema.prefixItems.map((item) => sample(api, item, depth + 1));
    return schema.items && depth < DEEPEST_SAMPLE ? [sample(api, schema.items, depth + 1)] : [];
  }
  if (type === "integer" || type === "number") return schema.minimum ?? (schema.exclusiveMinimum ?? -1) + 1;
  if (type === "boolean") return false;
  if (type === "string")
    return SAMPLES[schema.format] ?? "text".padEnd(schema.minLength ?? 0, "t").slice(0, schema.maxLength);
  return null;
}
