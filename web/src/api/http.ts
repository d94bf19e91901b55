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
}

/** A status in plain words; the server's own title is the phrase of the protocol. */
const TITLES: Record<number, string> = {
  401: "Sign in first",
  403: "Not allowed",
  404: "Not found",
  409: "Not possible as it is",
  413: "Too large",
  415: "Not readable",
  422: "Not possible with this",
  503: "The server is busy",
};

export const titled = (status: number, title: string): string => TITLES[status] ?? title;
const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Sent on `window` when the server wants a token that it was not given. */
export const SIGNED_OUT = "sentinode:signed-out";

export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Problem(
      "The server doesn't answer",
      "Look whether `sentinode serve` still runs and the network is up, then try again.",
      0,
    );
  }
  if (!response.ok) throw await problemOf(response);
  return response;
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
  const retry = Number(response.headers.get("Retry-After"));
  let body: Partial<ProblemBody> = {};
  try {
    body = (await response.json()) as Partial<ProblemBody>;
  } catch {
    // A proxy's page, or nothing: the status says what there is to say.
  }
  if (response.status === 401) window.dispatchEvent(new Event(SIGNED_OUT));
  return new Problem(
    titled(response.status, body.title ?? `The server answered ${response.status}`),
    sentence(body.detail ?? "Try again; if it stays, the server's log says more."),
    response.status,
    body.request_id ?? response.headers.get("X-Request-ID"),
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
