import { useEffect, useState } from "react";

/** Views live behind `#`, so the server knows no page but one. */
export type Route = { view: "slides" | "patch" | "model" } | { view: "slide"; id: string };

export const link = (route: Route): string =>
  route.view === "slide" ? `#/slides/${encodeURIComponent(route.id)}` : `#/${route.view}`;

export const go = (route: Route): void => {
  window.location.hash = link(route);
};

export function routeOf(hash: string): Route {
  const [view, id] = hash.replace(/^#\/?/, "").split("/");
  if (view === "slides" && id) return { view: "slide", id: decodeURIComponent(id) };
  if (view === "patch" || view === "model") return { view };
  return { view: "slides" };
}

export function useRoute(): Route {
  const [hash, setHash] = useState(window.location.hash);
  useEffect(() => {
    const changed = () => setHash(window.location.hash);
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return routeOf(hash);
}
