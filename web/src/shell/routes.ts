import { useEffect, useState } from "react";

/** Views live behind `#`, so the server knows no page but one: `#/slides`, and `#/slides/ID` for one slide. */
export type Route = { path: string; id: string };

export const link = (path: string, id = ""): string => (id ? `#/${path}/${encodeURIComponent(id)}` : `#/${path}`);

export const go = (path: string): void => {
  window.location.hash = link(path);
};

export function routeOf(hash: string): Route {
  const [path = "", id = ""] = hash.replace(/^#\/?/, "").split("/");
  return { path, id: decodeURIComponent(id) };
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
