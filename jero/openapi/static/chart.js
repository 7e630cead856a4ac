// Draws the last half minute of a stream on one time axis: the rate of items above, the gaps between them below.

import { BUCKET, WINDOW, count } from "./series.js";

const GAP_MARKS = [1, 10, 100, 1000, 10_000]; // milliseconds, on a logarithmic scale
const GAP_NAMES = ["1 ms", "10 ms", "100 ms", "1 s", "10 s"];
const SHORTEST = 5_000; // milliseconds: a short stream is drawn as large as this
const STEPS = [1_000, 2_000, 5_000, 10_000];
const LEFT = 46;
const TIME_HEIGHT = 16;
const FONT = "10px ui-monospace, monospace";

export class Chart {
  #canvas;
  #context;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  /** Draws the window that ends `now` milliseconds after the start. */
  draw(series, now) {
    const { width, height } = this.#fit();
    const context = this.#context;
    if (width === 0) return;
    const plot = (height - TIME_HEIGHT) / 2;
    const span = Math.min(Math.max(now, SHORTEST), WINDOW);
    const first = Math.max(now - span, 0);
    const frame = { context, now, first, span, width, x: (at) => LEFT + ((at - first) / span) * (width - LEFT) };
    const style = getComputedStyle(this.#canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    context.clearRect(0, 0, width, height);
    context.font = FONT;
    context.textBaseline = "middle";
    const buckets = series.window(now);
    rates({
      ...frame,
      buckets,
      top: 8,
      bottom: plot - 4,
      bar: colour("--accent"),
      ink: colour("--quiet"),
      line: colour("--line"),
    });
    gaps({
      ...frame,
      buckets,
      top: plot + 8,
      bottom: plot * 2,
      bar: colour("--gap"),
      ink: colour("--quiet"),
      line: colour("--line"),
    });
    times({ ...frame, y: height - TIME_HEIGHT / 2, ink: colour("--quiet") });
  }

  /** Gives the canvas the resolution of the screen. */
  #fit() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = window.devicePixelRatio || 1;
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.#canvas.width !== across || this.#canvas.height !== down) {
      this.#canvas.width = across;
      this.#canvas.height = down;
    }
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return { width, height };
  }
}

function rates({ context, buckets, now, x, top, bottom, width, bar, ink, line }) {
  // The last bucket is not over yet: it is drawn once it is long enough for a rate.
  const over = (bucket) => Math.min(BUCKET, now - bucket.index * BUCKET);
  const known = buckets.filter((bucket) => bucket.items && (over(bucket) > BUCKET / 2 || buckets.length === 1));
  const perSecond = (bucket) => (bucket.items * 1000) / Math.max(over(bucket), BUCKET / 2);
  const most = roundUp(Math.max(1, ...known.map(perSecond)));
  rule(context, bottom, width, line);
  rule(context, top, width, line);
  label(context, `${short(most)}/s`, top, ink);
  label(context, "0", bottom, ink);
  context.fillStyle = bar;
  for (const bucket of known) {
    const height = Math.max((perSecond(bucket) / most) * (bottom - top), 1);
    const [left, right] = edges(bucket, x, width);
    context.fillRect(left, bottom - height, right - left, height);
  }
}

function gaps({ context, buckets, x, top, bottom, width, bar, ink, line }) {
  const scale = (gap) => {
    const share = (Math.log10(Math.min(Math.max(gap, 0.5), 20_000)) - Math.log10(0.5)) / Math.log10(40_000);
    return bottom - share * (bottom - top);
  };
  GAP_MARKS.forEach((gap, index) => {
    rule(context, scale(gap), width, line);
    if (index % 2 === 0 || bottom - top > 60) label(context, GAP_NAMES[index], scale(gap), ink);
  });
  context.fillStyle = bar;
  for (const bucket of buckets.filter((each) => each.longestGap > 0)) {
    const [left, right] = edges(bucket, x, width);
    const [from, to] = [scale(bucket.longestGap), scale(bucket.shortestGap)];
    context.beginPath();
    context.roundRect(left, from - 1.5, right - left, to - from + 3, 1.5);
    context.fill();
  }
}

function times({ context, first, span, x, y, ink, width }) {
  context.fillStyle = ink;
  context.textAlign = "center";
  const step = STEPS.find((each) => (each / span) * width > 80) ?? STEPS.at(-1);
  for (let at = Math.ceil(first / step) * step; at < first + span; at += step) {
    if (x(at) > LEFT + 12 && x(at) < width - 14) context.fillText(`${at / 1000} s`, x(at), y);
  }
}

/** Returns the left and right edge of a bucket in pixels, inside the plot, with a thin gap between buckets. */
function edges(bucket, x, width) {
  const left = Math.max(x(bucket.index * BUCKET), LEFT);
  return [left, Math.max(Math.min(x((bucket.index + 1) * BUCKET), width) - 1, left + 1)];
}

function rule(context, y, width, colour) {
  context.fillStyle = colour;
  context.fillRect(LEFT, Math.round(y), width - LEFT, 1);
}

function label(context, text, y, colour) {
  context.fillStyle = colour;
  context.textAlign = "right";
  context.fillText(text, LEFT - 6, y);
}

function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function short(value) {
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 10_000 ? `${value / 1000}k` : count(value);
}
