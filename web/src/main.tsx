import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./shell/App";
import { applyTheme } from "./shell/theme";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/shell.css";
import "./styles/patch.css";
import "./styles/slides.css";
import "./styles/slide.css";
import "./styles/model.css";

applyTheme();
const page = document.getElementById("page");
if (page) {
  createRoot(page).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
