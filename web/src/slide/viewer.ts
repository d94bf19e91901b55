import OpenSeadragon from "openseadragon";
import { useEffect, useRef, useState } from "react";
import { getSlide, slidePyramid } from "../api/endpoints";
import { asProblem, Problem } from "../api/http";
import type { Box, Place, Slide } from "../api/types";

export type Viewer = OpenSeadragon.Viewer;

const NAVIGATOR_PX = { width: 160, height: 130 };

/**
 * OpenSeadragon puts a style element into the page unless one with this mark is there; the content security policy
 * forbids such, and what it holds is in our style sheet. An element of no namespace carries the mark and no style.
 */
function markStyle(): void {
  const mark = "data-openseadragon-mobile-css";
  if (document.querySelector(`style[${mark}]`)) return;
  const element = document.createElementNS("urn:sentinode:mark", "style");
  element.setAttribute(mark, "true");
  document.head.append(element);
}

/** The navigator has the slide's form, however the window is cut. */
function navigatorSize({ width, height }: Slide) {
  const scale = Math.min(NAVIGATOR_PX.width / width, NAVIGATOR_PX.height / height);
  return { navigatorWidth: `${Math.round(width * scale)}px`, navigatorHeight: `${Math.round(height * scale)}px` };
}

function create(element: HTMLElement, slide: Slide, navigator: boolean): Viewer {
  markStyle();
  return OpenSeadragon({
    element,
    drawer: "canvas",
    showNavigationControl: false,
    showNavigator: navigator,
    navigatorPosition: "TOP_RIGHT",
    ...navigatorSize(slide),
    navigatorBackground: "#fff",
    navigatorBorderColor: "#7d8894",
    navigatorDisplayRegionColor: "#b3370f",
    navigatorAutoFade: false,
    animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.5,
    blendTime: 0.1,
    maxZoomPixelRatio: 4,
    minZoomImageRatio: 0.6,
    visibilityRatio: 0.3,
    imageLoaderLimit: 6,
    maxImageCacheCount: 400,
    timeout: 60_000,
    tileRetryMax: 2,
    tileRetryDelay: 800,
    zoomPerScroll: 1.3,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: true },
    gestureSettingsPen: { clickToZoom: false, dblClickToZoom: true },
  });
}

/** A viewer of a slide in the element that `ref` is given to; `viewer` is there once the slide is open. */
export function useViewer(slide: Slide, navigator: boolean) {
  const ref = useRef<HTMLDivElement>(null);
  const [viewer, setViewer] = useState<Viewer | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [missing, setMissing] = useState(0);
  const of = useRef(slide); // its form is the same however often it is asked for
  useEffect(() => {
    if (!ref.current) return;
    const made = create(ref.current, of.current, navigator);
    let base: OpenSeadragon.TiledImage | null = null;
    let asked = false;
    // A picture that fails has no status; a request does, and one that is signed out leads to the sign-in.
    const askWhy = () => {
      if (asked) return;
      asked = true;
      getSlide(slide.id).catch((error: unknown) => setProblem(asProblem(error)));
    };
    made.addHandler("open", () => {
      base = made.world.getItemAt(0);
      setViewer(made);
    });
    made.addHandler("open-failed", () => {
      setProblem(
        new Problem("The slide can't be shown", "Reload the page; if it stays, the server's log says why.", 0),
      );
      askWhy();
    });
    made.addHandler("tile-load-failed", (event) => {
      if (event.tiledImage !== base) return;
      setMissing((count) => count + 1);
      askWhy();
    });
    // The page has keys of its own for all that OpenSeadragon's do.
    made.addHandler("canvas-key", (event) => {
      event.preventDefaultAction = true;
    });
    made.open([{ tileSource: slidePyramid(slide.id) }]);
    return () => {
      setViewer(null);
      made.destroy();
    };
  }, [slide.id, navigator]);
  return { ref, viewer, problem, missing };
}

/** The slide itself: layers lie over it. */
export const slideOf = (viewer: Viewer) => viewer.world.getItemAt(0);

/** Level-0 pixels of a point in the viewer's element. */
export function placeOf(viewer: Viewer, point: OpenSeadragon.Point): Place {
  const { x, y } = slideOf(viewer).viewerElementToImageCoordinates(point);
  return { x, y };
}

/** Level-0 pixels of the middle of what is shown, or will be once the slide has come to rest. */
export function middleOf(viewer: Viewer): Place {
  const { x, y } = slideOf(viewer).viewportToImageCoordinates(viewer.viewport.getCenter());
  return { x, y };
}

/** Screen pixels to one level-0 pixel, and where level 0 begins in the viewer's element. */
export function frameOf(viewer: Viewer): { scale: number; x: number; y: number } {
  const slide = slideOf(viewer);
  const origin = slide.imageToViewerElementCoordinates(new OpenSeadragon.Point(0, 0));
  const other = slide.imageToViewerElementCoordinates(new OpenSeadragon.Point(1000, 0));
  return { scale: (other.x - origin.x) / 1000, x: origin.x, y: origin.y };
}

/** Shows a box with room around it, but not nearer than `least` level-0 pixels across. */
export function showBox(viewer: Viewer, box: Box, least: number): void {
  const width = Math.max(box.width * 1.8, least);
  const height = Math.max(box.height * 1.8, least);
  const x = box.x + box.width / 2 - width / 2;
  const y = box.y + box.height / 2 - height / 2;
  viewer.viewport.fitBounds(slideOf(viewer).imageToViewportRectangle(x, y, width, height));
}

export const zoomBy = (viewer: Viewer, factor: number) => viewer.viewport.zoomBy(factor).applyConstraints();
/** `scale`: screen pixels to a level-0 pixel. */
export const zoomTo = (viewer: Viewer, scale: number) =>
  viewer.viewport.zoomTo(slideOf(viewer).imageToViewportZoom(scale)).applyConstraints();
/** The least and the most that it can be zoomed to. */
export const scalesOf = (viewer: Viewer): number[] =>
  [viewer.viewport.getMinZoom(), viewer.viewport.getMaxZoom()].map((zoom) => slideOf(viewer).viewportToImageZoom(zoom));
export const zoomHome = (viewer: Viewer) => viewer.viewport.goHome();

/** Moves by a part of what is seen. */
export function panBy(viewer: Viewer, across: number, down: number): void {
  const seen = viewer.viewport.getBounds();
  viewer.viewport.panBy(new OpenSeadragon.Point(seen.width * across, seen.height * down)).applyConstraints();
}

/** Calls `changed` on every frame that shows another part of the slide. */
export function useFrame(viewer: Viewer | null, changed: (viewer: Viewer) => void): void {
  const latest = useRef(changed);
  latest.current = changed;
  useEffect(() => {
    if (!viewer) return;
    const call = () => {
      if (viewer.world.getItemCount() > 0) latest.current(viewer);
    };
    call();
    viewer.addHandler("update-viewport", call);
    viewer.addHandler("resize", call);
    return () => {
      viewer.removeHandler("update-viewport", call);
      viewer.removeHandler("resize", call);
    };
  }, [viewer]);
}
