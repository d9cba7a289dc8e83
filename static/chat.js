// A conversation: asks for news while somebody looks, keeps the end of it in sight, sends on Enter,
// and lets the user see that somebody writes.
"use strict";

(() => {
  const TICK = 3_000;
  const AWAY_TICK = 15_000;
  const TYPING_EVERY = 10_000;
  const NEAR = 120; // pixels from the end that count as having it in sight

  const start = () => {
    const chat = document.querySelector("[data-chat]");
    if (!chat) return;
    const history = document.getElementById("chat-history");
    const news = document.getElementById("chat-news");
    const text = document.getElementById("chat-text");
    const toEnd = () => { history.scrollTop = history.scrollHeight; };
    const isNearEnd = () => history.scrollHeight - history.scrollTop - history.clientHeight < NEAR;
    let follows = true;
    toEnd();
    history.addEventListener("scroll", () => { follows = isNearEnd(); });
    history.addEventListener("load", () => { if (follows) toEnd(); }, true);

    const title = document.title;
    let asked = 0;
    const ask = () => {
      asked = Date.now();
      news.elements.away.value = document.hidden ? "1" : "";
      htmx.trigger(news, "chat-tick");
    };
    setInterval(() => { if (!document.hidden || Date.now() - asked > AWAY_TICK) ask(); }, TICK);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      document.title = title;
      ask();
    });

    // Above what is older the place in sight stays where it is.
    let below = null;
    chat.addEventListener("htmx:beforeSwap", (event) => {
      const { xhr, pathInfo } = event.detail;
      // Sent elsewhere, to the login: the session is over.
      if (new URL(xhr.responseURL).pathname !== new URL(pathInfo.requestPath, location).pathname) {
        event.detail.shouldSwap = false;
        location.reload();
      } else if (event.target.classList.contains("chat-older")) {
        below = history.scrollHeight - history.scrollTop;
      }
    });
    new MutationObserver((changes) => {
      const has = (node) => node.classList?.contains("theirs");
      const came = changes.some((change) => [...change.addedNodes].some(has));
      if (came && document.hidden) document.title = `● ${title}`;
      if (below !== null) history.scrollTop = history.scrollHeight - below;
      else if (follows) toEnd();
      below = null;
    }).observe(history, { childList: true });

    // Two answers may bring the same line: the one that comes later takes its place.
    document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
      for (const line of event.detail.fragment.querySelectorAll("#chat-history > [id]")) {
        document.getElementById(line.id)?.remove();
      }
    });

    let sent = "";
    chat.addEventListener("htmx:beforeRequest", (event) => {
      if (text && event.detail.elt === text.form) sent = text.value;
    });
    const told = (words) => { document.getElementById("chat-told").textContent = words; };
    chat.addEventListener("htmx:sendError", () => told(chat.dataset.lost));
    chat.addEventListener("htmx:responseError", () => told(chat.dataset.lost));
    chat.addEventListener("htmx:afterRequest", (event) => {
      const { elt, successful, xhr } = event.detail;
      const lost = document.getElementById("chat-told").textContent === chat.dataset.lost;
      if (elt === news && successful && lost) told("");
      if (!xhr.getResponseHeader("HX-Trigger")?.includes("chat-said")) return;
      // What was written meanwhile stays.
      if (text && elt === text.form) text.value = text.value.startsWith(sent) ? text.value.slice(sent.length) : "";
      else elt.reset?.();
      elt.closest("details")?.removeAttribute("open");
      follows = true;
      toEnd();
    });

    // The admin's own script would write a chosen file's name into the nearest line of text.
    chat.addEventListener("change", (event) => {
      if (event.target.type === "file") event.stopPropagation();
    }, true);

    // A picture that WeChat keeps no more gives way to a word.
    chat.addEventListener("error", (event) => {
      if (event.target.tagName !== "IMG") return;
      const place = event.target.closest("a") ?? event.target;
      place.replaceWith(event.target.dataset.failed ?? "");
    }, true);

    if (!text) return;
    text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      if (event.shiftKey) return;
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) text.setRangeText("\n", text.selectionStart, text.selectionEnd, "end");
      else if (!text.form.querySelector("button").disabled) text.form.requestSubmit();
    });

    let typed = 0;
    text.addEventListener("input", () => {
      const now = Date.now();
      if (!text.value || now - typed < TYPING_EVERY) return;
      typed = now;
      const body = new FormData(text.form);
      body.delete("text");
      fetch(chat.dataset.typing, { method: "POST", body, redirect: "error" }).catch(() => {});
    });

    chat.addEventListener("click", (event) => {
      const canned = event.target.closest("[data-canned]");
      if (!canned) return;
      const gap = text.value && !/\s$/.test(text.value) ? "\n" : "";
      text.value += gap + canned.dataset.canned;
      canned.closest("details").removeAttribute("open");
      text.focus();
    });
    // One panel at a time, and none once somebody goes elsewhere.
    document.addEventListener("click", (event) => {
      chat.querySelectorAll(".chat-more[open]").forEach((more) => {
        if (!more.contains(event.target)) more.removeAttribute("open");
      });
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") chat.querySelectorAll(".chat-more[open]").forEach((more) => more.removeAttribute("open"));
    });
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
