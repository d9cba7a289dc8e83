// Staff pages: what changes by itself, such as verdicts, progress and unread counts, is fetched again
// while somebody looks. A place names its address in data-now and is filled with what is there; a list
// names in data-cells where its rows' cells are. Without this script a page stays as it was.
"use strict";

(() => {
  const SECONDS = 10;
  const LONGEST = 160;  // between two tries, while the server cannot be reached
  const MOST_ROWS = 100;
  const etags = new Map();

  // null: nothing has changed. A redirect is the login: the session is over.
  const fetchChanged = async (url) => {
    const headers = etags.has(url) ? { "If-None-Match": etags.get(url) } : {};
    const answer = await fetch(url, { headers, redirect: "error", cache: "no-store" });
    if (answer.status === 304) return null;
    if (!answer.ok) throw Object.assign(new Error(answer.statusText), { status: answer.status });
    etags.set(url, answer.headers.get("ETag"));
    return answer.text();
  };

  // Whoever has the focus, an open list or a selection within keeps it: it is renewed once they leave.
  const isBusy = (place) =>
    place.contains(document.activeElement) ||
    (!document.getSelection().isCollapsed && document.getSelection().containsNode(place, true));

  const partsOf = (node) => [
    node.textContent.replace(/\s+/g, " ").trim(),
    ...[...node.querySelectorAll("a")].map((link) => link.getAttribute("href")),
  ].join(" ");

  // True if it was renewed. What is read aloud is only what differs from what was there.
  const renew = (place, html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    if (partsOf(place) === partsOf(template.content)) return false;
    place.replaceChildren(template.content);
    return true;
  };

  const renewPlace = async (place) => {
    if (isBusy(place)) return;
    const html = await fetchChanged(place.dataset.now);
    if (html !== null) renew(place, html);
  };

  const keyOf = (row) =>
    row.querySelector("input.action-select")?.value ??
    row.querySelector("a[href*='/change/']")?.pathname.match(/\/(\d+)\/change\/$/)?.[1];

  const renewCells = (rows, cells) => {
    let changes = 0;
    for (const [key, columns] of Object.entries(cells)) {
      for (const [name, html] of Object.entries(columns)) {
        const cell = rows.get(key)?.querySelector(`.field-${name}`);
        // The column that leads to the row has its link around what it shows.
        const place = cell?.querySelector(":scope > a[href*='/change/']") ?? cell;
        if (place && !isBusy(place) && renew(place, html)) changes += 1;
      }
    }
    return changes;
  };

  const renewList = async (note) => {
    const rows = new Map();
    for (const row of document.querySelectorAll("#result_list tr")) {
      const key = keyOf(row);
      if (key) rows.set(key, row);
    }
    const keys = [...rows.keys()].slice(0, MOST_ROWS);
    if (!keys.length) return;
    const cells = await fetchChanged(`${note.dataset.cells}?rows=${keys.join(",")}`);
    if (cells !== null && renewCells(rows, JSON.parse(cells))) note.textContent = note.dataset.changed;
  };

  const watch = (look) => {
    let seconds = SECONDS;
    let timer = 0;
    const again = async () => {
      if (document.hidden) return;  // until it is seen again
      try {
        await look();
        seconds = SECONDS;
      } catch (problem) {
        if (problem.status >= 400 && problem.status < 500) return;  // no right to it any more
        if (problem instanceof TypeError) seconds = Math.min(seconds * 2, LONGEST);
      }
      timer = setTimeout(again, seconds * 1000);
    };
    document.addEventListener("visibilitychange", () => {
      clearTimeout(timer);
      if (!document.hidden) again();
    });
    timer = setTimeout(again, seconds * 1000);
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-now]").forEach((place) => watch(() => renewPlace(place)));
    document.querySelectorAll("[data-cells]").forEach((note) => watch(() => renewList(note)));
  });
})();
