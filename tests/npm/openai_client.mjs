// Calls two demos with OpenAI's client, and prints what it sees as JSON: `node openai_client.mjs OFFLINE SCRIPTED`.

import OpenAI from "openai";

const [offlineURL, scriptedURL] = process.argv.slice(2);
const messages = [{ role: "user", content: "What happens when the client leaves?" }];
const [offline, scripted] = [offlineURL, scriptedURL].map(
  (baseURL) => new OpenAI({ baseURL, apiKey: "any", maxRetries: 0, timeout: 20_000 }),
);
const ask = (client, model, options = {}) => client.chat.completions.create({ model, messages, ...options });

async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    const { status, code, param, message } = error;
    return { name: error.constructor.name, status, code, param, message, retryAfter: error.headers?.get("retry-after") };
  }
  return null;
}

async function all(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const behaviours = {
  whole: async () => (await ask(offline, "jero-offline")),
  stream: async () => all(await ask(offline, "jero-offline", { stream: true, stream_options: { include_usage: true } })),
  models: async () => (await offline.models.list()).data.map(({ id }) => id),
  unknownModel: () => failure(ask(offline, "gpt-none")),
  wrongRequest: () => failure(ask(offline, "jero-offline", { stream: "yes" })),
  response: async () => {
    const { data, response } = await ask(offline, "jero-offline").withResponse();
    return { status: response.status, type: response.headers.get("content-type"), object: data.object };
  },
  tools: async () => (await ask(scripted, "whole-tools")).choices[0].message.tool_calls,
  toolsInParts: async () => {
    const runner = scripted.chat.completions.stream({ model: "stream-tools", messages });
    return (await runner.finalChatCompletion()).choices[0].message.tool_calls;
  },
  refusals: async () =>
    Promise.all([400, 401, 404, 409, 422, 429, 500, 503].map((status) => failure(ask(scripted, `refuses-${status}`)))),
  triedAgain: async () => {
    const client = scripted.withOptions({ maxRetries: 1 });
    return (await ask(client, "busy-once")).choices[0].message.content;
  },
  broken: async () => {
    const received = [];
    const stream = await ask(scripted, "breaks", { stream: true });
    const failed = await failure(
      (async () => {
        for await (const chunk of stream) received.push(chunk.choices[0].delta.content);
      })(),
    );
    return { received, failed };
  },
  left: async () => {
    for await (const chunk of await ask(scripted, "endless", { stream: true })) {
      if (chunk.choices[0].delta.content) return chunk.choices[0].delta.content;
    }
  },
  aborted: async () => {
    const stream = await ask(scripted, "endless", { stream: true });
    for await (const chunk of stream) {
      if (chunk.choices[0].delta.content) stream.controller.abort();
    }
    return stream.controller.signal.aborted;
  },
};

const seen = {};
for (const [name, behaviour] of Object.entries(behaviours)) seen[name] = await behaviour();
console.log(JSON.stringify(seen));
