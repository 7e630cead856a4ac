// Parses streams incrementally, from pieces of text to records. It uses neither DOM, network nor clock.
//
// A record: { kind: "item" | "ping" | "comment" | "note", data, event?, id?, retry?, comment? }; `data` is text.
// `finish()` returns a sentence about an unfinished record, or "".

const LINE_BREAK = /\r\n|\r|\n/g;
const OPENING = new Set(["[", "{"]);
const CLOSING = new Set(["]", "}"]);
const STRUCTURE = /[[\]{},"]/g;
const STRING_END = /\\[^]|"/g;

/** Parses newline-delimited JSON. An empty line is a ping. */
export class LinesParser {
  #rest = "";

  push(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop();
    return lines.map((line) => {
      const data = line.endsWith("\r") ? line.slice(0, -1) : line;
      return data.trim() ? { kind: "item", data } : { kind: "ping", data: "" };
    });
  }

  finish() {
    return this.#rest.trim() ? "It ended inside a line." : "";
  }
}

/** Parses server-sent events (WHATWG HTML, section 9.2.6), with comments and `retry`, which browsers hide. */
export class EventsParser {
  /** The `Last-Event-ID` that a client sends when it reconnects. */
  lastEventId = "";
  #rest = "";
  #endedInCr = false;
  #fields = { data: [], comments: [] };
  #id = "";

  constructor(lastEventId = "") {
    this.lastEventId = this.#id = lastEventId;
  }

  push(text) {
    if (text === "") return [];
    const isHalf = this.#endedInCr && text[0] === "\n"; // the CR before it has already ended the line
    const pending = this.#rest + (isHalf ? text.slice(1) : text);
    const records = [];
    let start = 0;
    this.#endedInCr = text.endsWith("\r");
    for (const { index, 0: lineBreak } of pending.matchAll(LINE_BREAK)) {
      const record = this.#line(pending.slice(start, index));
      if (record) records.push(record);
      start = index + lineBreak.length;
    }
    this.#rest = pending.slice(start);
    return records;
  }

  finish() {
    const { data, comments, ...others } = this.#fields;
    const isOpen = this.#rest.trim() || data.length || Object.keys(others).length;
    return isOpen ? "It ended inside an event." : "";
  }

  #line(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    this.#field(name, value);
    return null;
  }

  #field(name, value) {
    if (name === "data") this.#fields.data.push(value);
    else if (name === "event") this.#fields.event = value;
    else if (name === "id" && !value.includes("\0")) this.#fields.id = this.#id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.#fields.retry = Number(value);
    else if (name === "") this.#fields.comments.push(value);
  }

  #dispatch() {
    const { data, comments, ...named } = this.#fields;
    this.#fields = { data: [], comments: [] };
    this.lastEventId = this.#id;
    if (data.length) {
      const comment = comments.length ? { comment: comments.join("\n") } : {};
      return { kind: "item", data: data.join("\n"), ...named, ...comment };
    }
    if (Object.keys(named).length) return { kind: "note", data: comments.join("\n"), ...named };
    return comments.length ? { kind: "comment", data: comments.join("\n") } : null;
  }
}

/** Parses the elements of one JSON array. `isArray` is false if the text is not an array: nothing is parsed then. */
export class ArrayParser {
  /** Null until the first character that is not a space. */
  isArray = null;
  #text = "";
  #at = 0;
  #depth = 0;
  #inString = false;

  push(text) {
    if (this.isArray === null) this.#open(text);
    if (!this.isArray) return [];
    const isPing = text.trim() === "" && this.#text.trim() === "";
    this.#text += text;
    const records = isPing ? [{ kind: "ping", data: "" }] : [];
    let start = 0;
    while (this.#at < this.#text.length) {
      const mark = this.#nextMark();
      if (mark === null) break;
      const isOuter = this.#step(mark);
      if (!isOuter) continue;
      if (mark !== "[") this.#take(start, records);
      start = this.#at;
    }
    this.#text = this.#text.slice(start);
    this.#at -= start;
    return records;
  }

  finish() {
    if (this.isArray === null) return "It is empty.";
    return this.#depth > 0 ? "It ended inside the array." : "";
  }

  #open(text) {
    const first = text.trimStart()[0];
    if (first !== undefined) this.isArray = first === "[";
  }

  /** Moves `#at` behind the next structural character outside of strings. Returns it, or null if it has not arrived. */
  #nextMark() {
    const pattern = this.#inString ? STRING_END : STRUCTURE;
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) {
      const half = this.#inString && this.#text.endsWith("\\"); // the escaped character has not arrived
      this.#at = Math.max(this.#at, this.#text.length - (half ? 1 : 0));
      return null;
    }
    this.#at = pattern.lastIndex;
    return match[0];
  }

  /** Follows the mark's nesting. Returns whether the mark separates elements of the array itself. */
  #step(mark) {
    if (mark === '"') this.#inString = !this.#inString;
    else if (this.#inString) return false;
    else if (OPENING.has(mark)) return ++this.#depth === 1;
    else if (CLOSING.has(mark)) return --this.#depth === 0;
    else return this.#depth === 1;
    return false;
  }

  #take(start, records) {
    const data = this.#text.slice(start, this.#at - 1).trim();
    if (data) records.push({ kind: "item", data });
  }
}

/** Makes one record of each chunk of text. */
export class ChunksParser {
  push(text) {
    return text ? [{ kind: "item", data: text }] : [];
  }

  finish() {
    return "";
  }
}
