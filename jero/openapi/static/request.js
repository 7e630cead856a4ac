// Turns the values of the form into a request, for `fetch` and as a command for curl.

/**
 * Returns a request as plain data: { method, url, headers, cookies, body }.
 *
 * `values`: parameters as [{ parameter, values }] with text as typed, `headers` as pairs, `credentials` as
 * [{ scheme, first, second }], `accept`, `lastEventId`, and `body` as { type, content } or null.
 */
export function buildRequest(operation, values, root) {
  const request = { method: operation.method, headers: [], cookies: [], query: [], body: null };
  const slots = new Map();
  for (const { parameter, values: texts } of values.parameters) {
    if (parameter.in === "path") slots.set(parameter.name, texts[0] ?? "");
    else for (const text of texts) placeOf(request, parameter.in).push([parameter.name, text]);
  }
  for (const credential of values.credentials) addCredential(request, credential);
  if (values.accept) request.headers.push(["Accept", values.accept]);
  if (values.lastEventId) setHeader(request.headers, "Last-Event-ID", values.lastEventId);
  if (values.body) {
    // The browser, or curl, adds the boundary between the parts of a form to its media type.
    const isParts = values.body.content instanceof FormData;
    if (values.body.type && !isParts) request.headers.push(["Content-Type", values.body.type]);
    request.body = values.body.content;
  }
  for (const [name, value] of values.headers) setHeader(request.headers, name, value);
  request.url = address(operation.path, slots, request.query, root);
  return request;
}

function placeOf(request, where) {
  return { query: request.query, header: request.headers, cookie: request.cookies }[where] ?? [];
}

function setHeader(headers, name, value) {
  const present = headers.find(([each]) => each.toLowerCase() === name.toLowerCase());
  if (present) present[1] = value;
  else headers.push([name, value]);
}

function address(path, slots, query, root) {
  const filled = path.replace(/\{([^}]+)\}/g, (_, name) => encodeURIComponent(slots.get(name) ?? ""));
  const url = new URL(filled.slice(1), root);
  for (const [name, value] of query) url.searchParams.append(name, value);
  return url.href;
}

function addCredential(request, { scheme, first, second }) {
  if (!first) return;
  if (scheme.type === "apiKey") placeOf(request, scheme.in).push([scheme.name, first]);
  else if (scheme.scheme?.toLowerCase() === "basic") {
    const octets = new TextEncoder().encode(`${first}:${second}`);
    request.headers.push(["Authorization", `Basic ${btoa(String.fromCharCode(...octets))}`]);
  } else request.headers.push(["Authorization", `Bearer ${first}`]);
}

/** Returns the options of `fetch`. A browser sends only the cookies that it has: typed cookies are for curl. */
export function fetchOptions(request, signal) {
  const headers = request.headers.map(([name, value]) => [name, isLastEventId(name) ? inUtf8(value) : value]);
  return { method: request.method, headers, body: request.body, signal, cache: "no-store" };
}

function isLastEventId(name) {
  return name.toLowerCase() === "last-event-id";
}

/** Returns text whose characters are the octets of UTF-8. `fetch` sends each character of a header as one octet. */
function inUtf8(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

/** Returns the request as a command for a POSIX shell. `-N` shows a stream as it arrives. */
export function curlCommand(request, isStream) {
  const hasParts = request.body instanceof FormData;
  const hasData = typeof request.body === "string" && request.body !== "";
  const parts = [`curl${isStream ? " -N" : ""} ${quoted(request.url)}`];
  if (request.method === "HEAD") parts.push("--head");
  else if (request.method !== (hasData || hasParts ? "POST" : "GET")) parts.push(`-X ${request.method}`);
  for (const [name, value] of request.headers) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (request.cookies.length) {
    parts.push(`-b ${quoted(request.cookies.map(([name, value]) => `${name}=${value}`).join("; "))}`);
  }
  if (hasParts) parts.push(...[...request.body].map(([name, value]) => part(name, value)));
  else if (hasData) parts.push(`--data-raw ${quoted(request.body)}`);
  else if (request.body instanceof Blob) parts.push(`--data-binary ${quoted(`@${request.body.name}`)}`);
  return parts.join(" \\\n  ");
}

/** Returns the option of curl for a part of a form. The text of `--form-string` may begin with "@". */
function part(name, value) {
  if (value instanceof File) return `-F ${quoted(`${name}=@${value.name}`)}`;
  return `--form-string ${quoted(`${name}=${value}`)}`;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
