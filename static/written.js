// What somebody wrote is not lost with their session: a form that was sent too late is filled in again
// once they are logged in. It is kept in this tab alone, never sent by itself, and only shown to the
// same person; passwords, secrets (autocomplete="off") and files are not kept.
"use strict";

(() => {
  const KEY = "written";
  const KEPT_FOR = 3_600_000;
  const MOST = 200_000; // characters
  const DOORS = /^\/(portal\/login|admin\/(login|account\/proof))\//;
  const TYPES = /^(text|search|tel|url|email|number|date|time|datetime-local|month|week|textarea|select-one|select-multiple|checkbox|radio)$/;
  const SECRET = /off|password|one-time-code/;
  // Who is logged in, as the page that loads us says.
  const who = new URL(document.currentScript.src).hash.slice(1);
  const here = location.pathname + location.search;
  const isDoor = DOORS.test(location.pathname);

  const read = () => {
    try { return JSON.parse(sessionStorage.getItem(KEY)); } catch { return null; }
  };
  const write = (record) => {
    const text = record && JSON.stringify(record);
    try {
      if (text && text.length <= MOST) sessionStorage.setItem(KEY, text);
      else sessionStorage.removeItem(KEY);
    } catch { /* no storage: nothing is kept */ }
  };

  const fieldsOf = (form) =>
    [...form.elements].filter((field) => field.name && TYPES.test(field.type) && !SECRET.test(field.autocomplete));
  const formsLike = (action) =>
    [...document.forms].filter((form) => form.method === "post" && (form.getAttribute("action") ?? "") === action);

  const valueOf = (field) => {
    if (field.type === "checkbox" || field.type === "radio") return field.checked;
    if (field.options) return [...field.selectedOptions].map((option) => [option.value, option.text]);
    return field.value;
  };
  const fill = (field, value) => {
    if (field.type === "checkbox" || field.type === "radio") field.checked = value;
    else if (field.options) {
      // One that was searched for is not among those of a new page.
      for (const [key, text] of value) {
        if (![...field.options].some((option) => option.value === key)) field.add(new Option(text, key));
      }
      const keys = value.map(([key]) => key);
      for (const option of field.options) option.selected = keys.includes(option.value);
    } else field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (isDoor || form.method !== "post") return;
    const action = form.getAttribute("action") ?? "";
    const fields = fieldsOf(form).map((field) => [field.name, field.type, valueOf(field)]);
    const place = formsLike(action).indexOf(form);
    if (fields.length) write({ who, here, action, place, fields, at: Date.now() });
  }, true);

  const restore = (record) => {
    const form = formsLike(record.action)[record.place];
    if (!form) return;
    const fields = fieldsOf(form);
    for (const [name, type, value] of record.fields) {
      const number = fields.findIndex((field) => field.name === name && field.type === type);
      if (number >= 0) fill(fields.splice(number, 1)[0], value);
    }
    for (let fold = form.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    form.prepend(document.getElementById("written-note").content.cloneNode(true));
    form.querySelector(".written-note").scrollIntoView({ block: "center" });
  };

  const tellAtDoor = () => {
    const form = document.querySelector("main form, #login-form, form[method=post]:has([type=password])");
    const note = document.getElementById("written-door");
    if (form && note) form.before(note.content.cloneNode(true));
  };

  document.addEventListener("DOMContentLoaded", () => {
    const record = read();
    if (!record) return;
    const back = document.querySelector("[data-written-back]");
    if (isDoor || back) {
      write({ ...record, isLost: true });
      if (isDoor && record.who && !who && Date.now() - record.at < KEPT_FOR) tellAtDoor();
      if (back) {
        back.href = record.here;
        back.hidden = false;
      }
    } else if (!record.isLost || record.who !== who || Date.now() - record.at > KEPT_FOR) write(null);
    else if (record.here === here) {
      restore(record);
      write(null);
    }
  });
})();
