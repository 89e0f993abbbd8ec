/* A page that was not checked is shown again once it is, unless somebody is writing on it. */
"use strict";

(() => {
  const TOAST_MS = 8000;
  const opened = Date.now();
  let touched = Boolean(document.querySelector(".notice[role=alert]"));

  document.addEventListener("input", (event) => {
    if (!event.target.matches("[type=search]")) touched = true;
  });

  /** Whether a fresh page would take something from under somebody's hands. */
  function inUse() {
    const field = document.activeElement?.closest("main form");
    return touched || Boolean(field) || Boolean(document.querySelector("dialog[open]"));
  }

  function showAgain() {
    const link = document.querySelector("[data-checked-now] a");
    if (!link || inUse()) return;
    if (new URL(link.href).pathname === window.location.pathname) window.location.reload();
    else window.location.replace(link.href);
  }

  document.addEventListener("htmx:afterSettle", () => {
    if (!document.querySelector("[data-checked-now]")) return;
    // What was just said of one's own work can be read first.
    const toRead = document.querySelector(".toast") ? TOAST_MS - (Date.now() - opened) : 0;
    setTimeout(showAgain, Math.max(toRead, 0));
  });
})();
