// Runs one request: its records as they arrive, its pace, and how it ended. It does not use the DOM.

import { isEventStream, isJson, isLines } from "./document.js";
import { fetchOptions } from "./request.js";
import { Series } from "./series.js";
import { ArrayParser, ChunksParser, EventsParser, LinesParser } from "./streams.js";

/** How many records of a stream are kept and shown. */
export const KEPT = 200;
// Milliseconds without a pause after which the page gets a turn to draw and to handle clicks: less than a frame.
const TURN_AFTER = 8;
// Fetch standard, "error" of a stream: the browser drops the queued data, and no page can read it any more.
const CUT = "Cut: the connection was lost in mid-stream; a browser drops what was not read by then.";
const STOPPED = { kind: "stopped", text: "Stopped by you." };
const UNPRINTABLE = /[\0-\x08\x0e-\x1f\ufffd]/;

export class Run {
  series = new Series();
  /** "waiting" for the headers, "open", or "over". */
  state = "waiting";
  response = null;
  headersAfter = 0;
  /** The body if it is not a stream: { text, blob }. */
  whole = null;
  /** { kind: "completed" | "stopped" | "cut" | "failed" | "unreachable", text } once it is over. */
  end = null;
  #parser = null;
  #fresh = [];
  #missed = 0;
  #parts = [];
  #lastError = null;
  #startedAt = performance.now();
  #endedAt = null;
  #turnedAt = 0;
  #abort = null;

  get isStream() {
    return this.#parser !== null;
  }

  get lastEventId() {
    return this.#parser instanceof EventsParser ? this.#parser.lastEventId : "";
  }

  /** Milliseconds since the start, or from start to end. */
  get elapsed() {
    return (this.#endedAt ?? performance.now()) - this.#startedAt;
  }

  stop() {
    this.#abort?.abort();
  }

  /** Returns the records since the last call, at most `KEPT`, and the number of records dropped before them. */
  take() {
    const taken = { records: this.#fresh.slice(-KEPT), missed: this.#missed + Math.max(0, this.#fresh.length - KEPT) };
    this.#fresh = [];
    this.#missed = 0;
    return taken;
  }

  /** Sends the request and reads the response to its end. A second call resumes an event stream. */
  async begin(request) {
    if (this.#endedAt !== null) this.#resume(request);
    this.#abort = new AbortController();
    this.end = await this.#exchange(request);
    this.#endedAt = performance.now();
    this.state = "over";
  }

  /** Catches network errors alone, so that a fault of the page shows as an error. */
  async #exchange(request) {
    try {
      this.response = await fetch(request.url, fetchOptions(request, this.#abort.signal));
    } catch (error) {
      return this.#abort.signal.aborted ? STOPPED : unreachable(error);
    }
    this.headersAfter = this.elapsed;
    this.#parser = parserFor(this.response, this.lastEventId);
    this.state = "open";
    return (await this.#read()) ? this.#properEnd() : this.#brokenEnd();
  }

  #resume(request) {
    const id = request.headers.find(([name]) => name.toLowerCase() === "last-event-id")?.[1];
    this.#keep({ kind: "note", data: id ? `resumed after id ${id}` : "started again", at: this.#since() });
    Object.assign(this, { state: "waiting", end: null, whole: null });
    this.#endedAt = this.#lastError = this.series.lastItemAt = null;
  }

  /** Reads the body. Returns whether it ended properly. */
  async #read() {
    const reader = this.response.body?.getReader();
    const decoder = new TextDecoder();
    this.#turnedAt = performance.now();
    for (let isDone = !reader; !isDone;) {
      const read = await reader.read().catch(() => null);
      if (read === null) return false;
      isDone = read.done;
      if (isDone) this.#add(decoder.decode(), 0);
      else this.#chunk(read.value, decoder);
      if (performance.now() - this.#turnedAt > TURN_AFTER) await this.#turn();
    }
    if (!this.isStream) await this.#keepWhole();
    return true;
  }

  #chunk(octets, decoder) {
    const text = decoder.decode(octets, { stream: true });
    this.series.addBytes(octets.length, this.#since());
    if (!this.isStream || this.#parser instanceof ArrayParser) this.#parts.push(octets);
    this.#add(
      this.#parser instanceof ChunksParser && UNPRINTABLE.test(text) ? hexadecimal(octets) : text,
      octets.length,
    );
  }

  #add(text, length) {
    if (!this.isStream || (text === "" && length === 0)) return;
    const records = this.#parser.push(text);
    if (this.#parser.isArray === false) this.#parser = null; // JSON that is not an array is shown whole
    if (this.#parser?.isArray) this.#parts = [];
    this.#record(records);
  }

  #record(records) {
    const at = this.#since();
    const items = records.reduce((total, record) => total + (record.kind === "item"), 0);
    let number = this.series.items;
    let gap = items ? this.series.addItems(items, at) : null;
    for (const record of records) {
      if (record.kind === "item") {
        Object.assign(record, { number: ++number, gap });
        gap = 0; // the others arrived at the same time
        this.#lastError = record.event === "error" ? record : null;
      } else if (record.kind !== "note") this.series.pings++;
      this.#keep(Object.assign(record, { at }));
    }
  }

  #keep(record) {
    this.#fresh.push(record);
    if (this.#fresh.length < 4 * KEPT) return;
    this.#missed += this.#fresh.length - KEPT;
    this.#fresh = this.#fresh.slice(-KEPT);
  }

  async #keepWhole() {
    const blob = new Blob(this.#parts, { type: this.response.headers.get("content-type") ?? "" });
    const text = await blob.text();
    this.whole = { blob, text: UNPRINTABLE.test(text) ? null : text };
    this.#parts = [];
  }

  /** Lets the browser draw and handle clicks. Uses a message: browsers slow down the timers of hidden pages. */
  async #turn() {
    const { port1, port2 } = new MessageChannel();
    await new Promise((resolve) => {
      port1.onmessage = resolve;
      port2.postMessage(null);
    });
    port1.close();
    this.#turnedAt = performance.now();
  }

  #since() {
    return performance.now() - this.#startedAt;
  }

  #properEnd() {
    if (this.#lastError) return this.#failedEnd("");
    const unfinished = this.#parser?.finish() ?? "";
    if (unfinished) return { kind: "cut", text: `Cut: ${unfinished}` };
    return { kind: "completed", text: this.isStream ? "Completed: the server ended the stream properly." : "" };
  }

  #brokenEnd() {
    if (this.#abort.signal.aborted) return STOPPED;
    if (this.#lastError) return this.#failedEnd(" Then it dropped the connection.");
    return { kind: "cut", text: CUT };
  }

  #failedEnd(more) {
    let reason = this.#lastError.data;
    try {
      const problem = JSON.parse(reason);
      reason = [problem.title, problem.detail].filter(Boolean).join(": ") || reason;
    } catch {
      // text that is not a problem is shown unchanged
    }
    return { kind: "failed", text: `Failed: the server sent event: error. ${reason.replace(/\.?$/, ".")}${more}` };
  }
}

function unreachable(error) {
  return { kind: "unreachable", text: `No answer: ${error.message}. Is the server there, and are the headers valid?` };
}

/** Returns the parser for the media type. A body without a Content-Length is taken for a stream, of any type. */
function parserFor(response, lastEventId) {
  const type = response.headers.get("content-type") ?? "";
  if (isEventStream(type)) return new EventsParser(lastEventId);
  if (isLines(type)) return new LinesParser();
  const isWhole = response.headers.has("content-length") || response.status === 204 || !response.body || !response.ok;
  if (isWhole) return null;
  return isJson(type) ? new ArrayParser() : new ChunksParser();
}

function hexadecimal(octets) {
  const shown = Array.from(octets.subarray(0, 64), (octet) => octet.toString(16).padStart(2, "0")).join(" ");
  return `${octets.length} bytes: ${shown}${octets.length > 64 ? " …" : ""}`;
}
