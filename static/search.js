// The search above the menu of the staff pages: Enter opens the first entry, arrows walk the others.
"use strict";

(() => {
  let isWanted = false;  // Enter was pressed before the entries were there

  const form = () => document.getElementById("menu-search");
  const field = () => document.getElementById("nav-filter");
  const place = () => document.getElementById("search-results");
  const entries = () => [...place().querySelectorAll("a")];
  const isCurrent = () => place().querySelector("[data-term]")?.dataset.term === field().value.trim();
  const close = () => { place().replaceChildren(); isWanted = false; };

  const step = (by) => {
    const all = [field(), ...entries()];
    all[all.indexOf(document.activeElement) + by]?.focus();
  };

  document.addEventListener("keydown", (event) => {
    if (!form()) return;
    if (form().contains(event.target)) {
      if (event.key === "ArrowDown") step(1);
      else if (event.key === "ArrowUp") step(-1);
      else if (event.key === "Escape") { close(); field().focus(); return; }
      else return;
      event.preventDefault();
      return;
    }
    const isTyping = event.target.closest?.("input, textarea, select") || event.target.isContentEditable;
    const isShortcut = event.ctrlKey || event.metaKey ? event.key === "k" : event.key === "t" && !event.altKey;
    if (isTyping || !isShortcut) return;
    event.preventDefault();
    field().focus();
  });

  document.addEventListener("submit", (event) => {
    if (event.target.id !== "menu-search") return;
    event.preventDefault();
    if (isCurrent()) entries()[0]?.click();
    else isWanted = Boolean(field().value.trim());
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.id !== "search-results") return;
    if (!event.detail.xhr.responseURL.includes(form().getAttribute("action"))) {
      event.detail.shouldSwap = false;  // the session is over
      window.location.reload();
    }
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "search-results" || !isWanted || !isCurrent()) return;
    isWanted = false;
    entries()[0]?.click();
  });

  document.addEventListener("click", (event) => {
    if (form() && !form().contains(event.target)) close();
  });
})();
