// Reads the OpenAPI document, 3.1 or 3.2, into the operations that the page shows.

const METHODS = ["get", "post", "put", "patch", "delete", "query", "head", "options", "trace"];
// OpenAPI, "Parameter Object": these header parameters are ignored, since other parts of the document describe them.
const DESCRIBED_ELSEWHERE = new Set(["accept", "content-type", "authorization"]);
// The names of NDJSON that jero sends or accepts: none is registered.
const LINES = new Set([
  "application/x-ndjson",
  "application/jsonl",
  "application/ndjson",
  "application/jsonlines",
  "application/x-jsonl",
  "application/x-jsonlines",
  "application/json-lines",
]);
// A comma in a quoted parameter does not separate two media types.
const EACH_TYPE = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;
const VALID_TYPE = /^[!#$%&'*+\-.^_`|~\w]+\/[!#$%&'*+\-.^_`|~\w]+$/;
const UNTAGGED = "Operations";

export class ApiDocument {
  #json;

  constructor(json) {
    this.#json = json;
    this.info = json.info ?? {};
    this.operations = Object.entries(json.paths ?? {}).flatMap(([path, item]) => this.#operationsOf(path, item));
    this.groups = this.#group();
  }

  /** Follows a reference, or a chain of them, to its target. Keywords next to a reference replace the target's. */
  resolve(node) {
    let found = node ?? {};
    for (let hops = 0; found.$ref !== undefined && hops < 20; hops++) {
      const { $ref, ...siblings } = found;
      found = { ...this.#at($ref), ...siblings };
    }
    return found;
  }

  #at(reference) {
    if (!reference.startsWith("#/")) return {};
    const keys = reference.slice(2).split("/");
    const unescaped = keys.map((key) => decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~"));
    return unescaped.reduce((node, key) => node?.[key], this.#json) ?? {};
  }

  #operationsOf(path, unresolved) {
    const item = this.resolve(unresolved);
    const present = METHODS.filter((method) => item[method]);
    return present.map((method) => this.#operation(path, method, item[method], item.parameters ?? []));
  }

  #operation(path, method, declared, shared) {
    const responses = Object.entries(declared.responses ?? {}).map((entry) => this.#response(...entry));
    return {
      key: `${method}${path}`,
      method: method.toUpperCase(),
      path,
      summary: declared.summary ?? "",
      description: declared.description ?? "",
      isDeprecated: declared.deprecated === true,
      tags: declared.tags?.length ? declared.tags : [UNTAGGED],
      parameters: this.#parameters([...shared, ...(declared.parameters ?? [])]),
      body: declared.requestBody ? this.#body(this.resolve(declared.requestBody)) : null,
      responses,
      isStream: responses.some(isStreamed),
      security: this.#security(declared.security ?? this.#json.security ?? []),
    };
  }

  #parameters(declared) {
    const byName = new Map(); // an operation's parameter replaces that of its path
    for (const parameter of declared.map((each) => this.resolve(each))) {
      if (parameter.in === "header" && DESCRIBED_ELSEWHERE.has(parameter.name.toLowerCase())) continue;
      const schema = this.resolve(parameter.schema ?? Object.values(parameter.content ?? {})[0]?.schema);
      byName.set(`${parameter.in} ${parameter.name}`, { ...parameter, schema });
    }
    return [...byName.values()];
  }

  #body(body) {
    return { ...body, media: this.#media(body.content) };
  }

  #response(status, unresolved) {
    const response = this.resolve(unresolved);
    const headers = Object.entries(response.headers ?? {}).map(([name, header]) => {
      const resolved = this.resolve(header);
      return { ...resolved, name, schema: this.resolve(resolved.schema) };
    });
    return { status, description: response.description ?? "", headers, media: this.#media(response.content) };
  }

  #media(content) {
    return Object.entries(content ?? {}).map(([type, unresolved]) => {
      const media = this.resolve(unresolved);
      const example = media.example ?? this.resolve(Object.values(media.examples ?? {})[0]).value;
      return { type, schema: media.schema, itemSchema: media.itemSchema, example };
    });
  }

  /** Returns the schemes of all alternatives, each once, and whether a request without credentials is admitted. */
  #security(requirements) {
    const names = [...new Set(requirements.flatMap((requirement) => Object.keys(requirement)))];
    const declared = this.#json.components?.securitySchemes ?? {};
    return {
      isOptional: requirements.some((requirement) => Object.keys(requirement).length === 0),
      schemes: names.map((name) => ({ ...this.resolve(declared[name]), key: name })),
    };
  }

  #group() {
    const declared = (this.#json.tags ?? []).map((tag) => tag.name);
    const used = this.operations.flatMap((operation) => operation.tags);
    const descriptions = new Map((this.#json.tags ?? []).map((tag) => [tag.name, tag.description]));
    return [...new Set([...declared, ...used])]
      .filter((name) => used.includes(name))
      .map((name) => ({
        name,
        description: descriptions.get(name) ?? "",
        operations: this.operations.filter((operation) => operation.tags.includes(name)),
      }));
  }
}

/** Returns whether a response is a stream. jero marks streams of every media type by a header. */
function isStreamed({ status, headers, media }) {
  if (!status.startsWith("2")) return false;
  const isUnbuffered = headers.some(({ name }) => name.toLowerCase() === "x-accel-buffering");
  return isUnbuffered || media.some(({ type, itemSchema }) => itemSchema || isEventStream(type) || isLines(type));
}

/** Returns whether a media type, with any parameters, is that of server-sent events. */
export function isEventStream(type) {
  return essence(type) === "text/event-stream";
}

export function isLines(type) {
  return LINES.has(essence(type));
}

export function isJson(type) {
  return essence(type) === "application/json" || essence(type).endsWith("+json");
}

/** Returns the media type without parameters. Of several valid ones the last counts (Fetch, "extract a MIME type"). */
function essence(type) {
  const found = (type.match(EACH_TYPE) ?? []).map((each) => each.split(";")[0].trim().toLowerCase());
  return found.findLast((each) => VALID_TYPE.test(each) && each !== "*/*") ?? found[0] ?? "";
}

/** Returns whether the media type is that of a form, whose fields have a control each. */
export function isForm(type) {
  return isMultipart(type) || essence(type) === "application/x-www-form-urlencoded";
}

export function isMultipart(type) {
  return essence(type) === "multipart/form-data";
}
