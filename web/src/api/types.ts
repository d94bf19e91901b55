/** What the server answers, as in its OpenAPI document. Lengths are level-0 pixels unless the name says otherwise. */

export type Prediction = {
  prediction: string;
  confidence: number;
  probabilities: Record<string, number>;
  model: { name: string; version: string };
  threshold: number | null;
  low_confidence: boolean;
  /** In what the image lies outside of what the model was trained on, and tissue where it shows none; null: not known. */
  outside: string[] | null;
  request_id: string;
};

export type ProblemBody = { type: string; title: string; status: number; detail: string; request_id?: string };

export type BatchAnswer = { predictions: (({ file: string } & Prediction) | { file: string; problem: ProblemBody })[] };

/** How much faster the probability falls (deletion) and rises (insertion) along the map than in a random order. */
export type Faithfulness = Record<string, number>;

export type Explanation = {
  prediction: Prediction;
  method: string;
  class: string;
  /** Data URL of an RGBA picture of the image's own size, to be laid over it. */
  map: string;
  faithfulness: Faithfulness | null;
};

export type Method = { name: string; title: string; description: string; default: boolean };

export type Interval = { value: number; low?: number | null; high?: number | null; method?: string; n?: number };

export type ModelFacts = {
  name: string;
  version: string;
  description: string;
  classes: string[];
  positive: string | null;
  tile_size: number;
  /** Whether images of other sizes are taken as they are. */
  any_size: boolean;
  mpp: number | null;
  threshold: { value: number; rule: string; split: string } | null;
  low_confidence: { low: number; high: number } | null;
  metrics: Record<string, Interval | null>;
  metrics_split: string | null;
  thresholds: { threshold: number; sensitivity: number; specificity: number }[];
  thresholds_split: string | null;
  card_html: string;
  has_report: boolean;
  /** Of the slide bundle that the server was started with; all else is of the bundle that judges its tiles. */
  slide_model: SlideModelFacts | null;
  research_use_only: boolean;
};

export type SlideModelFacts = {
  name: string;
  version: string;
  description: string;
  /** How tiles become one answer. */
  method: string;
  classes: string[];
  /** What counts as found. */
  label_rule: string;
  threshold: { value: number; rule: string; split: string };
  metrics: Record<string, Interval | null>;
  metrics_split: string | null;
  card_html: string;
};

export type ScanStatus = "queued" | "running" | "finished" | "failed" | "cancelled";
export type SlideClass = "negative" | "itc" | "micro" | "macro" | "not assessed";

export type Scan = {
  id: string;
  slide_id: string;
  slide_name: string;
  status: ScanStatus;
  progress: { done: number; total: number | null; tiles_per_second: number | null; seconds_left: number | null } | null;
  problem: string | null;
  created: string;
  finished: string | null;
  slide_score: number | null;
  slide_class: SlideClass | null;
  lesions: number | null;
  threshold: number | null;
  /** What a slide model says of the whole slide; null of a scan without one. */
  slide_model: { name: string; score: number; threshold: number; positive: boolean } | null;
};

export type Slide = {
  id: string;
  name: string;
  file: string;
  status: "ready" | "unreadable";
  problem: string | null;
  /** 0 where the slide can't be read. */
  width: number;
  height: number;
  mpp: { x: number; y: number } | null;
  objective: number | null;
  levels: number;
  has_annotations: boolean;
  /** Otherwise it lies in the server's folder, which is only read. */
  uploaded: boolean;
  scan: Scan | null;
  properties?: Record<string, string>;
};

export type Place = { x: number; y: number };
export type Box = { x: number; y: number; width: number; height: number };
export type Ring = number[][];
export type Geometry = { type: "Polygon"; coordinates: Ring[] } | { type: "MultiPolygon"; coordinates: Ring[][] };

export type Lesion = {
  id: string;
  rank: number;
  /** That it is a metastasis, by a learned rule; null by the heuristic one. */
  probability: number | null;
  score_max: number;
  score_mean: number;
  area_mm2: number;
  diameter_um: number;
  class: string;
  centroid: Place;
  bounds: Box;
  polygon: Geometry;
};

export type Lesions = {
  threshold: number;
  /** What the threshold is of. */
  of: "score" | "probability";
  lesions: Lesion[];
  /** Below the threshold, by falling probability. */
  suspicious: Lesion[];
  /** What to know of the scan, in sentences; that the slide is unlike the training data stands here. */
  notes: string[];
};

/** A tile that a slide model looked at: its share of the slide's attention, and its own score. */
export type AttentionTile = Place & { rank: number; attention: number; score: number };

/** What a slide model says of the whole slide. */
export type SlideModel = {
  name: string;
  method: string;
  /** The first is that nothing is found. */
  classes: string[];
  probabilities: number[];
  /** Probability that something is found. */
  score: number;
  threshold: number;
  threshold_source: string;
  positive: boolean;
  /** Tiles by falling attention × score. */
  candidates: AttentionTile[];
  /** Tiles by falling attention; none where the model looks at all alike. */
  attended: AttentionTile[];
  tile_width: number;
  tile_height: number;
};

export type GridAnswer = {
  columns: number;
  rows: number;
  x: number;
  y: number;
  step_x: number;
  step_y: number;
  tile_width: number;
  tile_height: number;
  /** Base64 of bytes, row by row: 0 to 250 for probability · 250, 255 where nothing was scanned. */
  probabilities: string;
};

export type TileExplanation = Explanation & { tile: Box; image: string };

export type Verdict = "accept" | "reject";

export type Review = {
  id: string;
  kind: "verdict" | "lesion" | "adjudication";
  lesion_id: string | null;
  verdict: Verdict | null;
  polygon: Geometry | null;
  comment: string;
  author: string;
  created: string;
  undone: boolean;
  undone_by: string | null;
  history: { undone: boolean; author: string; created: string }[];
};

/** What the reviews of a scan say together. */
export type Consensus = {
  result: "not reviewed" | "tumour" | "nothing accepted" | "disagreed";
  findings: { outcome: "accepted" | "rejected" | "disagreed"; polygon: Geometry }[];
};

export type NewReview = Pick<Review, "kind" | "lesion_id" | "verdict" | "polygon" | "comment">;

export type Features = {
  type: "FeatureCollection";
  features: { geometry: Geometry; properties: Record<string, unknown> | null }[];
  /** What of the annotation file is not among them, or was mended. */
  notes?: string[];
};

export type Role = "viewer" | "reviewer" | "admin";
export type Session = { required: boolean; role: Role | null; name: string | null };
