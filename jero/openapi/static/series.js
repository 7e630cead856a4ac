// Measures the pace of a stream in bounded memory: buckets of a quarter second, for the last half minute.

export const BUCKET = 250; // milliseconds
export const WINDOW = 30_000;
const BUCKETS = WINDOW / BUCKET + 1;
const RATE_OVER = 2_000;

export class Series {
  items = 0;
  bytes = 0;
  pings = 0;
  longestGap = 0;
  /** Milliseconds since the start; null before the first item. */
  lastItemAt = null;
  #ring = Array.from({ length: BUCKETS }, () => empty(-1));

  /** Adds bytes that arrived `at` milliseconds after the start. */
  addBytes(count, at) {
    this.bytes += count;
    this.#bucket(at).bytes += count;
  }

  /** Adds items that arrived together, `at` milliseconds after the start. Returns the gap before them. */
  addItems(count, at) {
    const gap = this.lastItemAt === null ? null : at - this.lastItemAt;
    const bucket = this.#bucket(at);
    this.items += count;
    bucket.items += count;
    if (gap !== null) {
      this.longestGap = Math.max(this.longestGap, gap);
      bucket.longestGap = Math.max(bucket.longestGap, gap);
      bucket.shortestGap = Math.min(bucket.shortestGap, gap);
    }
    this.lastItemAt = at;
    return gap;
  }

  /** Returns items and bytes a second, over the last two seconds, or since the start if that is shorter. */
  rates(now) {
    const over = Math.min(RATE_OVER, Math.max(now, BUCKET));
    const recent = this.window(now).filter((bucket) => bucket.index * BUCKET > now - over - BUCKET);
    const span = Math.max(now - recent[0].index * BUCKET, BUCKET) / 1000;
    const sum = (field) => recent.reduce((total, bucket) => total + bucket[field], 0);
    return { items: sum("items") / span, bytes: sum("bytes") / span };
  }

  /** Returns the buckets of the last half minute, the oldest first, with the empty ones. */
  window(now) {
    const last = Math.floor(now / BUCKET);
    const first = Math.max(0, last - BUCKETS + 1);
    return Array.from({ length: last - first + 1 }, (_, offset) => {
      const bucket = this.#ring[(first + offset) % BUCKETS];
      return bucket.index === first + offset ? bucket : empty(first + offset);
    });
  }

  #bucket(at) {
    const index = Math.floor(at / BUCKET);
    if (this.#ring[index % BUCKETS].index !== index) this.#ring[index % BUCKETS] = empty(index);
    return this.#ring[index % BUCKETS];
  }
}

function empty(index) {
  return { index, items: 0, bytes: 0, longestGap: 0, shortestGap: Infinity };
}

export function count(value) {
  return Math.round(value).toLocaleString("en");
}

/** Returns a rate as text: two digits below 10, else whole. */
export function rate(value) {
  return value >= 10 || value === 0 ? count(value) : value.toPrecision(2);
}

export function bytes(value) {
  if (value < 1000) return `${Math.round(value)} B`;
  const units = ["kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(value) / 3), units.length);
  return `${(value / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}

export function duration(milliseconds) {
  if (milliseconds < 1) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1)} s`;
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
