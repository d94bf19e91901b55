import type { ComponentType } from "react";
import { ModelView } from "../model/ModelView";
import { PatchView } from "../patch/PatchView";
import { SlideView } from "../slide/SlideView";
import { SlidesView } from "../slides/SlidesView";
import type { Route } from "./routes";

export interface View {
  /** The first part of the address, after `#/`. */
  path: string;
  /** Of the window, and of the link in the header. */
  title: string;
  Content: ComponentType<{ id: string }>;
  /** Leads to the view. The header and the sheet of shortcuts name the views that have one. */
  shortcut?: string;
  /** Shows one thing of `path`, whose id is the second part of the address. */
  ofOne?: true;
  /** Takes the whole window, without a scroll bar. */
  fills?: true;
}

/** Every view; an address that none of them has leads to the first. */
export const VIEWS: readonly [View, ...View[]] = [
  { path: "slides", title: "Slides", Content: SlidesView, shortcut: "1" },
  { path: "slides", title: "Slide", Content: SlideView, ofOne: true, fills: true },
  { path: "patch", title: "Patch", Content: PatchView, shortcut: "2" },
  { path: "model", title: "Model", Content: ModelView, shortcut: "3" },
];

/** Those that the header and the keys lead to. */
export const ENTRIES = VIEWS.flatMap(({ path, title, shortcut }) => (shortcut ? [{ path, title, shortcut }] : []));

export function viewOf({ path, id }: Route): View {
  const views = VIEWS.filter((view) => view.path === path);
  return views.find((view) => Boolean(view.ofOne) === Boolean(id)) ?? views[0] ?? VIEWS[0];
}
