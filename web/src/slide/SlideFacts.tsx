import { useState } from "react";
import type { Slide } from "../api/types";
import { length, whole } from "../ui/format";
import { Dialog, Facts } from "../ui/parts";

/** Names of ours; the file's own stay as they are. */
const NAMES: Record<string, string> = { reader: "Read by", mpp_source: "Resolution from" };

/** The slide's name; on a click what the file is, and what it says of itself. */
export function SlideFacts({ slide }: { slide: Slide }) {
  const [shown, setShown] = useState(false);
  const { mpp, width, height, objective } = slide;
  const facts: [string, string][] = [
    ["File", slide.file],
    ["Size", `${whole(width)} × ${whole(height)} px`],
    ...(mpp ? ([["Extent", `${length(width * mpp.x)} × ${length(height * mpp.y)}`]] as [string, string][]) : []),
    ["Resolution", mpp ? `${Number(mpp.x.toFixed(4))} × ${Number(mpp.y.toFixed(4))} µm/px` : "the file does not say"],
    ["Objective", objective === null ? "the file does not say" : `${objective}×`],
    ["Levels", String(slide.levels)],
    ["Annotations", slide.has_annotations ? "beside the slide" : "none"],
    ...Object.entries(slide.properties ?? {}).map(([name, value]): [string, string] => [NAMES[name] ?? name, value]),
  ];
  return (
    <>
      <button
        type="button"
        className="plain bar-name"
        aria-label={`${slide.name}: facts`}
        title={`${slide.name}: size, resolution, objective`}
        onClick={() => setShown(true)}
      >
        <span>{slide.name}</span> <span className="info-mark" />
      </button>
      {shown && (
        <Dialog title={slide.name} onClose={() => setShown(false)}>
          <Facts facts={facts} />
        </Dialog>
      )}
    </>
  );
}
