// Uses the types of streamed items, as a client in TypeScript does. The tests compile it beside the generated types.

import type { components, paths } from "./archive-3.1.0";

type Sent<Path extends keyof paths, Method extends keyof paths[Path]> = paths[Path][Method] extends {
  responses: { 200: { content: infer Content } };
}
  ? Content
  : never;

type Line = Sent<"/projections", "get">["application/x-ndjson"];
type Event = Sent<"/digests", "post">["text/event-stream"];
type Whole = Sent<"/digests", "post">["application/json"];
type Upload = paths["/projections"]["post"]["requestBody"]["content"]["application/x-ndjson"];
type Record = components["schemas"]["Record"];

export const line: Line = { film: "M", at: "2026-01-02T03:04:05Z" };
export const event: Event = { data: JSON.stringify(line), id: "1" };
export const whole: Whole = line;
export const upload: Upload = { title: "M", colour: "colour", copies: [], released: null, ratings: {} };
export const page: components["schemas"]["Page_Film"] = { items: [{ title: "M", sequel: null, remakes: [] }], next: null };
export const position: Record["position"] = [1, "left"];
export const genres: Record["genre"][] = [{ type: "drama", acts: 3 }, { type: "documentary", subjectMatter: "Sound" }];

// @ts-expect-error: a film has a name
export const nameless: Line = { at: "2026-01-02T03:04:05Z" };
// @ts-expect-error: the data of an event is text
export const numbered: Event = { data: 1 };
// @ts-expect-error: a position has a number and a text
export const incomplete: Record["position"] = [1];
// @ts-expect-error: a drama has acts
export const untold: Record["genre"] = { type: "drama", subjectMatter: "Sound" };
