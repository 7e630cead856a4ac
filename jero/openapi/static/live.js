// Shows a run while it goes on, and how it ended. It draws once a frame, however fast the items arrive.

import { Chart } from "./chart.js";
import { isJson } from "./document.js";
import { element, indented, inline, json } from "./elements.js";
import { KEPT } from "./run.js";
import { bytes, count, duration, rate } from "./series.js";

const LIST_EVERY = 100; // milliseconds: nobody can read a list that changes faster
const NEAR_THE_END = 40; // pixels
const LONGEST_LINE = 400;
const LONGEST_WHOLE = 2_000_000;
const FIGURES = ["items", "received", "elapsed", "longest gap"];

export class LiveView {
  #run = null;
  #listedAt = 0;
  #follows = true;
  #figures = new Map();
  #chart;
  #parts;

  /** `isStream`: whether the document describes the response as a stream. */
  constructor(isStream) {
    const canvas = element("canvas", {
      class: "chart",
      role: "img",
      "aria-label": "Items a second, and the gaps between them",
    });
    this.#chart = new Chart(canvas);
    this.#parts = {
      head: element("p", { class: "head" }, element("span", { class: "quiet" }, "Nothing sent yet.")),
      end: element("p", { class: "end", role: "status" }),
      figures: element("dl", { class: "figures" }, ...FIGURES.map((name) => this.#figure(name))),
      canvas,
      headers: element("details", { class: "headers", hidden: true }),
      rows: element("ol", { class: "rows", tabindex: "0", "aria-label": `Items, the last ${KEPT}` }),
      whole: element("div", { class: "whole" }),
    };
    this.#parts.rows.addEventListener("scroll", () => (this.#follows = this.#isAtEnd()));
    this.element = element("section", { class: "live", "aria-label": "Response" }, ...Object.values(this.#parts));
    this.element.dataset.kind = isStream ? "stream" : "whole";
    this.element.dataset.state = "idle";
  }

  /** Shows the run from its first record. */
  show(run) {
    this.#run = run;
    this.#follows = true;
    this.#parts.rows.replaceChildren();
    this.watch();
  }

  /** Scrolls to the response if it is below the visible part of the page. */
  reveal() {
    if (this.element.getBoundingClientRect().top > window.innerHeight * 0.7)
      this.element.scrollIntoView({ block: "start" });
  }

  /** Draws until the run is over. */
  watch() {
    const run = this.#run;
    this.#parts.end.textContent = "";
    this.#parts.end.className = "end quiet";
    this.#parts.whole.replaceChildren();
    let hasHead = false;
    const frame = () => {
      if (run !== this.#run) return;
      if (!hasHead && run.state !== "waiting") {
        this.#head(run);
        hasHead = true;
      }
      this.#draw(run);
      if (run.state !== "over") requestAnimationFrame(frame);
      else this.#finish(run);
    };
    this.#parts.head.replaceChildren("Waiting for the answer…");
    this.element.dataset.state = "running";
    frame();
  }

  #figure(name) {
    const [value, beside] = ["value", "beside"].map((part) =>
      element("dd", { class: part, "data-figure": `${name} ${part}` }),
    );
    this.#figures.set(name, { value, beside });
    value.textContent = "–";
    return element("div", {}, element("dt", {}, name), value, beside);
  }

  #head(run) {
    const { response } = run;
    if (response === null) {
      this.#parts.head.replaceChildren();
      return;
    }
    const entries = [...response.headers];
    const kind = response.status >= 500 ? "bad" : response.status >= 400 ? "refused" : "good";
    this.#parts.head.replaceChildren(
      element("strong", { class: `status ${kind}` }, `${response.status} ${response.statusText}`.trim()),
      element("code", {}, response.headers.get("content-type") ?? ""),
    );
    this.#parts.headers.hidden = entries.length === 0;
    const lines = entries.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
    this.#parts.headers.replaceChildren(
      element("summary", {}, `${entries.length} headers`),
      element("dl", {}, ...lines),
    );
    this.element.dataset.kind = run.isStream ? "stream" : "whole";
    if (run.isStream && run.state === "open") this.#parts.end.textContent = "Streaming…";
  }

  #draw(run) {
    const now = run.elapsed;
    if (!run.isStream) return;
    this.element.dataset.kind = "stream";
    const rates = run.series.rates(now);
    const isOver = run.state === "over";
    const { items, bytes: received, pings, longestGap } = run.series;
    this.#setFigure("items", count(items), `${rate(isOver ? (items * 1000) / now : rates.items)} items/s`);
    this.#setFigure("received", bytes(received), `${bytes(isOver ? (received * 1000) / now : rates.bytes)}/s`);
    this.#setFigure("elapsed", duration(now), `headers after ${duration(run.headersAfter)}`);
    this.#setFigure("longest gap", longestGap ? duration(longestGap) : "–", counted(pings, "ping"));
    this.#chart.draw(run.series, now);
    if (performance.now() - this.#listedAt > LIST_EVERY || isOver) this.#list(run);
  }

  #setFigure(name, value, beside) {
    const shown = this.#figures.get(name);
    if (shown.value.textContent !== value) shown.value.textContent = value;
    if (shown.beside.textContent !== beside) shown.beside.textContent = beside;
  }

  #list(run) {
    const { records, missed } = run.take();
    if (!records.length) return;
    this.#listedAt = performance.now();
    const { rows } = this.#parts;
    const added = records.map(row);
    if (missed) added.unshift(element("li", { class: "note" }, `${count(missed)} arrived too fast to be listed`));
    rows.append(...added);
    for (let over = rows.childElementCount - KEPT; over > 0; over--) rows.firstElementChild.remove();
    if (this.#follows) rows.scrollTop = rows.scrollHeight;
  }

  #isAtEnd() {
    const { rows } = this.#parts;
    return rows.scrollHeight - rows.scrollTop - rows.clientHeight < NEAR_THE_END;
  }

  #finish(run) {
    const { end, whole } = this.#parts;
    end.className = `end ${run.end.kind}`;
    end.textContent = `${run.end.text} ${this.#summary(run)}`.trim();
    this.element.dataset.state = run.end.kind;
    if (run.whole) whole.replaceChildren(...wholeView(run));
  }

  #summary(run) {
    const { items, bytes: received } = run.series;
    if (run.isStream) return `${counted(items, "item")} in ${duration(run.elapsed)}.`;
    return run.response ? `${bytes(received)} in ${duration(run.elapsed)}.` : "";
  }
}

function counted(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** Makes the line of a record: its number, its time, the gap before it, its data. It opens to the whole record. */
function row(record) {
  if (record.kind !== "item") return quietRow(record);
  const head = [
    element("span", { class: "number" }, count(record.number)),
    element("span", { class: "at" }, (record.at / 1000).toFixed(3)),
    element("span", { class: "gap" }, record.gap === null ? "" : record.gap === 0 ? "+0" : `+${duration(record.gap)}`),
    element("span", { class: "data" }, ...tags(record), record.data.slice(0, LONGEST_LINE)),
  ];
  const details = element("details", {}, element("summary", {}, ...head));
  details.addEventListener("toggle", () => details.append(json(indented(record.data))), { once: true });
  return element("li", { class: record.event === "error" ? "item error" : "item" }, details);
}

function quietRow(record) {
  const text = { ping: "ping", comment: `: ${record.data}`, note: record.data }[record.kind];
  const at = element("span", { class: "at" }, (record.at / 1000).toFixed(3));
  return element("li", { class: record.kind }, at, " ", ...tags(record), text);
}

function tags(record) {
  const shown = ["event", "id", "retry", "comment"].filter((name) => record[name] !== undefined);
  return shown.map((name) => element("span", { class: `tag ${name}`, title: record[name] }, `${name} ${record[name]}`));
}

function wholeView({ whole, response }) {
  const type = response.headers.get("content-type") ?? "";
  const parts = [];
  if (type.startsWith("application/problem+json")) parts.push(problem(whole.text));
  if (whole.text === "" || whole.blob.size === 0) return [element("p", { class: "quiet" }, "No body.")];
  if (whole.text === null) parts.push(element("p", { class: "quiet" }, `${bytes(whole.blob.size)} that are not text.`));
  else if (isJson(type)) parts.push(json(indented(whole.text.slice(0, LONGEST_WHOLE))));
  else parts.push(element("pre", { tabindex: "0" }, whole.text.slice(0, LONGEST_WHOLE)));
  return [...parts, saveButton(whole.blob)];
}

/** Shows the members of a problem (RFC 9457), and where in the request each fault is. */
function problem(text) {
  let members;
  try {
    members = JSON.parse(text);
  } catch {
    return element("p", {}, "A problem whose JSON does not parse.");
  }
  const faults = (members.errors ?? []).map(({ loc, msg }) =>
    element("li", {}, element("code", {}, [loc].flat().join(".")), " ", ...inline(msg ?? "")),
  );
  return element(
    "div",
    { class: "problem" },
    element("p", {}, element("strong", {}, members.title ?? "Problem"), " ", element("code", {}, members.type ?? "")),
    members.detail ? element("p", {}, ...inline(members.detail)) : null,
    faults.length ? element("ul", {}, ...faults) : null,
  );
}

function saveButton(blob) {
  const save = () => {
    const url = URL.createObjectURL(blob);
    element("a", { href: url, download: "response" }).click();
    URL.revokeObjectURL(url);
  };
  return element("button", { type: "button", class: "small", onclick: save }, "Save");
}
