import { useEffect, useState } from "react";

export type Theme = "system" | "light" | "dark";
const KEY = "sentinode-theme";

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system"; // storage is switched off
  }
}

export function applyTheme(theme: Theme = stored()): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

const darkSystem = () => window.matchMedia("(prefers-color-scheme: dark)");

/** Whether it is dark, and a switch to the other; the choice stays with this browser. */
export function useTheme(): { dark: boolean; toggle: () => void } {
  const [theme, setTheme] = useState<Theme>(stored);
  const [system, setSystem] = useState(() => darkSystem().matches);
  useEffect(() => {
    const query = darkSystem();
    const changed = () => setSystem(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  useEffect(() => {
    applyTheme(theme);
    try {
      if (theme === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // It holds until the page is closed.
    }
  }, [theme]);
  const dark = theme === "system" ? system : theme === "dark";
  // Back at what the system says, it follows the system again.
  const toggle = () => setTheme(dark === system ? (dark ? "light" : "dark") : "system");
  return { dark, toggle };
}
