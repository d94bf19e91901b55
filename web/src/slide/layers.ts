import type OpenSeadragon from "openseadragon";
import { useEffect, useRef } from "react";
import type { Viewer } from "./viewer";

/** What is shown over the slide. */
export type Layers = {
  heatmap: boolean;
  /** Of a slide model. */
  attention: boolean;
  opacity: number;
  outlines: boolean;
  tissue: boolean;
  truth: boolean;
  compare: boolean;
};

/** A picture over the whole slide: a DeepZoom pyramid, or one image. */
export type Layer = { url: string; kind: "pyramid" | "image" };

/** Lays a picture over the slide while `opacity` is not null; `failed` is called if it can't be had. */
export function useLayer(viewer: Viewer | null, layer: Layer | null, opacity: number | null, failed: () => void): void {
  const item = useRef<OpenSeadragon.TiledImage | null>(null);
  const wanted = useRef(opacity);
  const onFailed = useRef(failed);
  wanted.current = opacity;
  onFailed.current = failed;
  const [url, kind] = [layer?.url, layer?.kind];
  // Fetched when first shown, then kept.
  const needed = useRef(false);
  needed.current ||= opacity !== null;
  const load = needed.current;

  useEffect(() => {
    if (!viewer || !url || !load) return;
    let gone = false;
    viewer.addTiledImage({
      tileSource: kind === "image" ? { type: "image", url } : url,
      x: 0,
      y: 0,
      width: 1,
      opacity: wanted.current ?? 0,
      success: (event: Event) => {
        const made = (event as unknown as { item: OpenSeadragon.TiledImage }).item;
        if (gone) return viewer.world?.removeItem(made);
        item.current = made;
        made.setOpacity(wanted.current ?? 0);
      },
      error: () => !gone && onFailed.current(),
    });
    return () => {
      gone = true;
      if (item.current && viewer.world) viewer.world.removeItem(item.current);
      item.current = null;
    };
  }, [viewer, url, kind, load]);

  useEffect(() => {
    item.current?.setOpacity(opacity ?? 0);
  }, [opacity]);
}
