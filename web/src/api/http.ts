import type { ProblemBody } from "./types";

/** What went wrong, in words for the person in front of the page: what, and what to do. */
export class Problem extends Error {
  constructor(
    readonly title: string,
    readonly detail: string,
    readonly status: number,
    readonly requestId: string | null = null,
    readonly retryAfter: number | null = null,
  ) {
    super(detail ? `${title}: ${detail}` : title);
  }

  /** Whether the very same request may do better another time. */
  get passing(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

/** A status in plain words; the server's own title is the phrase of the protocol. */
const TITLES: Record<number, string> = {
  401: "Sign in first",
  403: "Not allowed",
  404: "Not found",
  409: "Not possible as it is",
  410: "No longer there",
  413: "Too large",
  415: "Not readable",
  422: "Not possible with this",
  501: "Not available on this server",
  503: "The server is busy",
  507: "No room on the server",
};

export const titled = (status: number, title: string): string => TITLES[status] ?? title;
/** A name, as that of a file, stays as it is. */
const sentence = (text: string): string =>
  /^[a-z]+[ ,;:]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;

/** Sent on `window` when the server wants a token that it was not given. */
export const SIGNED_OUT = "sentinode:signed-out";
/** Sent on `window` when a busy server is waited for, and when that wait is over. */
export const WAITING = "sentinode:waiting";
export const WAITED = "sentinode:waited";

/** A busy server says when to come again; after so many times it is told to the person. */
const ATTEMPTS = 6;
const LONGEST_WAIT_S = 30;

/** Asks the server; one that is busy is asked again by itself when it said so. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const response = await reach(path, init);
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (problem.status !== 503 || problem.retryAfter === null || attempt === ATTEMPTS) throw problem;
    await rest(Math.min(problem.retryAfter, LONGEST_WAIT_S) * 1000, init.signal ?? null);
  }
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Problem(
      "The server doesn't answer",
      "Look whether `sentinode serve` still runs and the network is up, then try again.",
      0,
    );
  }
}

/** Rejects as soon as nobody waits for the answer any more. */
async function rest(ms: number, signal: AbortSignal | null): Promise<void> {
  window.dispatchEvent(new Event(WAITING));
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    });
  } finally {
    window.dispatchEvent(new Event(WAITED));
  }
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await send(path, { headers: { Accept: "application/json" }, ...(signal ? { signal } : {}) });
  return (await response.json()) as T;
}

export async function sendJson<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await send(path, {
    method,
    headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  });
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function problemOf(response: Response): Promise<Problem> {
  let body: unknown = null;
  try {
    body = await response.json();
  } catch {
    // A proxy's page, or nothing: the status says what there is to say.
  }
  return refusal(response.status, body, (name) => response.headers.get(name));
}

/** What the server refused, from the parts of its answer. */
export function refusal(status: number, answer: unknown, header: (name: string) => string | null): Problem {
  const body = (answer ?? {}) as Partial<ProblemBody>;
  const retry = Number(header("Retry-After"));
  if (status === 401) window.dispatchEvent(new Event(SIGNED_OUT));
  return new Problem(
    titled(status, body.title ?? `The server answered ${status}`),
    sentence(body.detail ?? "Try again; if it stays, the server's log says more."),
    status,
    body.request_id ?? header("X-Request-ID"),
    Number.isFinite(retry) && retry > 0 ? retry : null,
  );
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem("Something went wrong on this page", `${error}. Reload it and try again.`, 0);
}

/** A problem that came inside an answer. */
export function problemFrom(body: ProblemBody | string): Problem {
  if (typeof body === "string") return new Problem("It failed", sentence(body), 0);
  return new Problem(titled(body.status, body.title), sentence(body.detail), body.status, body.request_id ?? null);
}
