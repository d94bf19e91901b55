/** The server's paths, relative to the page: it may stand below a path of its own. Nothing else in the page knows them. */
import { getJson, Problem, refusal, send, sendJson } from "./http";
import type {
  BatchAnswer,
  Consensus,
  Explanation,
  Features,
  GridAnswer,
  Lesions,
  Method,
  ModelFacts,
  NewReview,
  Place,
  Review,
  Scan,
  Session,
  Slide,
  SlideModel,
  TileExplanation,
} from "./types";

const at = (strings: TemplateStringsArray, ...values: (string | number)[]) =>
  String.raw(strings, ...values.map((value) => encodeURIComponent(value)));

export const getSession = () => getJson<Session>("session");
export const signIn = (token: string) => sendJson<Session>("POST", "session", { token });
export const signOut = () => send("session", { method: "DELETE" });

export const getModel = (signal?: AbortSignal) => getJson<ModelFacts>("model", signal);
export const REPORT = "model/report";

export const getMethods = (signal?: AbortSignal) => getJson<Method[]>("explain/methods", signal);

/** `resize`: square images of another size are scaled to the model's tile. */
export async function predict(files: File[], resize: boolean, signal: AbortSignal): Promise<BatchAnswer> {
  const body = new FormData();
  for (const file of files) body.append("files", file, file.name);
  return (await send(`predict/batch?resize=${resize}`, { method: "POST", body, signal })).json();
}

/** How an explanation is wanted: by which method (null: the model's own), and whether to measure how far it holds. */
export type Wish = { method: string | null; faithfulness: boolean };

/** An image that was classified can be explained as it was, so here scaling needs no leave. */
export async function explain(file: File, wish: Wish, signal: AbortSignal): Promise<Explanation> {
  const body = new FormData();
  body.append("file", file, file.name);
  if (wish.method) body.append("method", wish.method);
  return (await send(`explain?resize=true&faithfulness=${wish.faithfulness}`, { method: "POST", body, signal })).json();
}

export const getSlides = async (signal?: AbortSignal) => (await getJson<{ slides: Slide[] }>("slides", signal)).slides;
export const getSlide = (id: string, signal?: AbortSignal) => getJson<Slide>(at`slides/${id}`, signal);
export const deleteSlide = (id: string) => send(at`slides/${id}`, { method: "DELETE" });
export const thumbnail = (id: string, side: number) => at`slides/${id}/thumbnail?max_side=${side}`;
export const slidePyramid = (id: string) => at`slides/${id}/deepzoom.dzi`;
export const tissueMask = (id: string) => at`slides/${id}/tissue.png`;
export const getAnnotations = (id: string, signal?: AbortSignal) =>
  getJson<Features>(at`slides/${id}/annotations`, signal);
export const explainTile = (id: string, place: Place, wish: Wish, signal: AbortSignal) =>
  sendJson<TileExplanation>("POST", at`slides/${id}/explain`, { ...place, ...wish }, signal);

/** Uploads a slide; `fetch` tells nothing of an upload's progress, so this is the older way. */
export function uploadSlide(file: File, progress: (part: number) => void, signal: AbortSignal): Promise<void> {
  const body = new FormData();
  body.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "slides");
    request.responseType = "json";
    request.upload.onprogress = (event) => progress(event.loaded / Math.max(event.total, 1));
    request.onerror = () =>
      reject(new Problem("The upload broke off", "Look whether the server and the network are up, then try again.", 0));
    request.onabort = () => reject(signal.reason);
    request.onload = () => {
      if (request.status < 300) resolve();
      else reject(refusal(request.status, request.response, (name) => request.getResponseHeader(name)));
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

export const startScan = (slideId: string) => sendJson<Scan>("POST", "scans", { slide_id: slideId });
export const cancelScan = (id: string) => send(at`scans/${id}`, { method: "DELETE" });
export const scanEvents = (id: string) => at`scans/${id}`;
export const getLesions = (id: string, threshold: number | null, signal?: AbortSignal) =>
  getJson<Lesions>(at`scans/${id}/lesions` + (threshold === null ? "" : at`?threshold=${threshold}`), signal);
export const heatmapPyramid = (id: string) => at`scans/${id}/heatmap/deepzoom.dzi`;
export const attentionPyramid = (id: string) => at`scans/${id}/attention/deepzoom.dzi`;
/** Null of a scan without a slide model. */
export const getSlideModel = async (id: string, signal?: AbortSignal) =>
  (await getJson<{ slide_model: SlideModel | null }>(at`scans/${id}/slide-model`, signal)).slide_model;
export const getGrid = (id: string, signal?: AbortSignal) => getJson<GridAnswer>(at`scans/${id}/grid`, signal);

export const getReviews = async (id: string, signal?: AbortSignal) =>
  (await getJson<{ reviews: Review[] }>(at`scans/${id}/reviews`, signal)).reviews;
export const getConsensus = (id: string, signal?: AbortSignal) =>
  getJson<Consensus>(at`scans/${id}/reviews/consensus`, signal);
export const addReview = (id: string, review: NewReview) => sendJson<Review>("POST", at`scans/${id}/reviews`, review);
export const undoReview = (id: Review["id"]) => send(at`reviews/${id}`, { method: "DELETE" });
export const restoreReview = (id: Review["id"]) => send(at`reviews/${id}/restore`, { method: "POST" });
/** `whole`: the reviewer looked at all of the slide, so what is not marked is no tumour. */
export const reviewFile = (id: string, kind: "geojson" | "xml", whole: boolean) =>
  `${at`scans/${id}/`}reviews.${kind}${whole ? "?whole_slide=true" : ""}`;
