/** Numbers as a reader wants them. */

export const probability = (value: number) => value.toFixed(value > 0 && value < 0.001 ? 4 : 3);
export const whole = (value: number) => Math.round(value).toLocaleString("en-GB");
export const percent = (part: number) => `${(part * 100).toFixed(1)} %`;

export function length(um: number): string {
  return um < 1000 ? `${Number(um.toPrecision(3))} µm` : `${Number((um / 1000).toPrecision(3))} mm`;
}

export const area = (mm2: number) => `${Number(mm2.toPrecision(2))} mm²`;

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function when(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

const CLASSES: Record<string, string> = {
  negative: "Negative",
  itc: "ITC",
  micro: "Micrometastasis",
  macro: "Macrometastasis",
  "not assessed": "Not assessed",
};
const CLASS_WORDS: Record<string, string> = {
  negative: "no lesion found",
  itc: "isolated tumour cells, up to 0.2 mm",
  micro: "micrometastasis, over 0.2 and up to 2 mm",
  macro: "macrometastasis, over 2 mm",
  "not assessed": "too little of the slide was read to say anything",
};

export const className = (name: string) => CLASSES[name.toLowerCase()] ?? name;
export const classWords = (name: string) => CLASS_WORDS[name.toLowerCase()] ?? name;
