// Reads what the server answers instead of what was asked for.

/** Returns a sentence for a refused request: the detail of its problem (RFC 9457), or its status. */
export async function faultOf(response) {
  try {
    return sentence(await response.json());
  } catch {
    return `The server answered with status ${response.status}.`;
  }
}

/** Returns a problem as a sentence, with the first of its faults. */
export function sentence(problem) {
  const [fault] = problem.errors ?? [];
  return fault?.msg ?? problem.detail ?? `${problem.title}.`;
}

/** Returns the time of day of a moment. */
export function timeOf(moment) {
  return new Date(moment).toLocaleTimeString();
}
