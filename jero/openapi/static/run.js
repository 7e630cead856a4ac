// One request and what came of it: its records as they come, its pace, and how it ended. It knows no DOM.

import { isEventStream, isJson, isLines } from "./document.js";
import { fetchOptions } from "./request.js";
import { Series } from "./series.js";
import { ArrayParser, ChunksParser, EventsParser, LinesParser } from "./streams.js";

/** As many records as are kept, and shown, of a stream. */
export const KEPT = 200;
// After so long without a pause the page gets a turn to draw and to listen: milliseconds, under a frame.
const TURN_AFTER = 8;
// Fetch, "error" of a stream: what it has queued is dropped with it, and no page can read it any more.
const CUT = "Cut: the connection was lost in mid-stream; a browser drops what was not read by then.";
const STOPPED = { kind: "stopped", text: "Stopped by you." };
const UNPRINTABLE = /[\0-\x08\x0e-\x1f\ufffd]/;

export class Run {
  series = new Series();
  /** "waiting" for the headers, "open", or "over". */
  state = "waiting";
  response = null;
  headersAfter = 0;
  /** The body where it is no stream: { text, blob }. */
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

  /** What came since this was last called: at most `KEPT` records, and how many before them were let go. */
  take() {
    const taken = { records: this.#fresh.slice(-KEPT), missed: this.#missed + Math.max(0, this.#fresh.length - KEPT) };
    this.#fresh = [];
    this.#missed = 0;
    return taken;
  }

  /** Sends the request and reads it to its end. Called again, it goes on where an event stream stopped. */
  async begin(request) {
    if (this.#endedAt !== null) this.#goOn(request);
    this.#abort = new AbortController();
    this.end = await this.#exchange(request);
    this.#endedAt = performance.now();
    this.state = "over";
  }

  /** Only what the network does is caught: a fault of the page is to be seen as one. */
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

  #goOn(request) {
    const id = request.headers.find(([name]) => name.toLowerCase() === "last-event-id")?.[1];
    this.#keep({ kind: "note", data: id ? `resumed after id ${id}` : "started again", at: this.#since() });
    Object.assign(this, { state: "waiting", end: null, whole: null });
    this.#endedAt = this.#lastError = this.series.lastItemAt = null;
  }

  /** Reads the body; tells whether its end was a proper one. */
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
    if (this.#parser.isArray === false) this.#parser = null; // one JSON text that is no array: it is shown whole
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
        gap = 0; // those that came with it came at the same time
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

  /** Lets the browser draw and hear clicks. A message, and no timer: those are slowed where the page is hidden. */
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
    if (this.#lastError) return this.#toldEnd("");
    const unfinished = this.#parser?.finish() ?? "";
    if (unfinished) return { kind: "cut", text: `Cut: ${unfinished}` };
    return { kind: "completed", text: this.isStream ? "Completed: the server ended the stream properly." : "" };
  }

  #brokenEnd() {
    if (this.#abort.signal.aborted) return STOPPED;
    if (this.#lastError) return this.#toldEnd(" Then it dropped the connection.");
    return { kind: "cut", text: CUT };
  }

  #toldEnd(more) {
    let told = this.#lastError.data;
    try {
      const problem = JSON.parse(told);
      told = [problem.title, problem.detail].filter(Boolean).join(": ") || told;
    } catch {
      // what is no problem is shown as it is
    }
    return { kind: "failed", text: `Failed: the server sent event: error. ${told.replace(/\.?$/, ".")}${more}` };
  }
}

function unreachable(error) {
  return { kind: "unreachable", text: `No answer: ${error.message}. Is the server there, and are the headers valid?` };
}

/** By type; and a JSON or other body that tells no length in advance is taken as sent piece by piece. */
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
