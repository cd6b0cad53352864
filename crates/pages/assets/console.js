// Makes the pages pleasant; every link and form works without it. No inline code anywhere: the content security policy
// forbids it.
(() => {
  "use strict";
  const EVERY_MS = 3000;
  const SUBMIT_MS = 10000;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const parse = (text) => new DOMParser().parseFromString(text, "text/html");
  const say = (box, text) => {
    const line = document.createElement("p");
    line.className = "note";
    line.textContent = text;
    box.replaceChildren(line);
  };

  // Times in the reader's zone, named; the UTC time stays as the title.
  const format = new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hourCycle: "h23", timeZoneName: "short",
  });
  const localise = (root) => all("time[datetime]", root).forEach((time) => {
    const at = new Date(time.dateTime);
    if (isNaN(at) || time.title) return;
    time.title = time.textContent;
    time.textContent = format.format(at);
  });

  // What makes no sense without this script is served hidden.
  const reveal = (root) => all("[data-copy], [data-tools]", root).forEach((tool) => { tool.hidden = false; });

  const settle = (root) => { localise(root); reveal(root); };

  // The payload and attempts of a row of the log, loaded below it when it is unfolded.
  const unfold = async (details) => {
    const body = details.closest("tbody");
    body.querySelector("tr.unfolded")?.remove();
    if (!details.open) return;
    details.lastElementChild.hidden = true;
    const row = document.createElement("tr");
    row.className = "more unfolded";
    const cell = row.insertCell();
    cell.colSpan = body.rows[0].cells.length;
    say(cell, "Loading…");
    body.append(row);
    try {
      const answer = await fetch(details.dataset.unfold);
      if (answer.redirected) { location.reload(); return; }
      const part = parse(await answer.text()).getElementById("fold");
      part.removeAttribute("id");
      cell.replaceChildren(part);
      settle(cell);
    } catch {
      say(cell, "The payload could not be loaded. Close it, then try again.");
    }
  };
  document.addEventListener("toggle", (event) => {
    if (event.target.dataset.unfold) unfold(event.target);
  }, true);

  // Conditions are added and removed here; without this script the form is sent for it.
  const MOST_CONDITIONS = 10;
  const rowsOfConditions = () => all("#condition-rows > .condition");
  const emptied = (row) => {
    all(".error", row).forEach((error) => error.remove());
    all(".wrong", row).forEach((field) => field.classList.remove("wrong"));
    all("input, select", row).forEach((input) => {
      ["aria-invalid", "aria-describedby"].forEach((name) => input.removeAttribute(name));
      if (input.options) input.selectedIndex = 0; else input.value = "";
    });
    return row;
  };
  const numbered = (row, number) => {
    const renumber = (text) => text.replace(/condition-\d+/, `condition-${number}`);
    row.setAttribute("aria-label", `Condition ${number + 1}`);
    all("[id], [name], [for]", row).forEach((part) => {
      ["id", "name", "for"].filter((name) => part.hasAttribute(name))
        .forEach((name) => part.setAttribute(name, renumber(part.getAttribute(name))));
    });
    const button = row.querySelector("button");
    button.value = `remove-condition-${number}`;
    button.querySelector(".vh").textContent = ` condition ${number + 1}`;
    return row;
  };
  const addCondition = () => {
    const rows = rowsOfConditions();
    if (rows.length >= MOST_CONDITIONS) return;
    const taken = rows.map((row) => row.querySelector("select").name);
    const number = Array.from({ length: MOST_CONDITIONS }, (_, index) => index)
      .find((index) => !taken.includes(`condition-${index}-op`));
    const row = numbered(emptied(rows[0].cloneNode(true)), number);
    all("option", row).forEach((option) => option.removeAttribute("selected"));
    byId("condition-rows").append(row);
    row.querySelector("input").focus();
  };
  const removeCondition = (row) => {
    if (rowsOfConditions().length > 1) row.remove(); else emptied(row);
    byId("add-condition").focus();
  };
  const changeRows = (button) => {
    if (button.id === "add-condition") addCondition();
    else if (button.value.startsWith("remove-condition-")) removeCondition(button.closest(".condition"));
    else return false;
    return true;
  };

  // A button with data-fragment sends its form in the background; the answer replaces the element of that id.
  const sendInBackground = async (form, button) => {
    const id = button.dataset.fragment;
    const box = byId(id);
    const data = new URLSearchParams(new FormData(form));
    if (button.name) data.set(button.name, button.value);
    const url = button.getAttribute("formaction") || form.getAttribute("action");
    button.setAttribute("aria-disabled", "true");
    box.setAttribute("aria-busy", "true");
    if (button.dataset.busy) say(box, button.dataset.busy);
    try {
      const answer = await fetch(url, { method: "POST", body: data, headers: { "X-Fragment": id } });
      if (answer.redirected) { location.reload(); return; }
      const part = parse(await answer.text()).getElementById(id);
      if (!part) throw new Error("no such part");
      box.replaceChildren(...part.childNodes);
      settle(box);
    } catch {
      say(box, "The request failed. Load the page again, then repeat it.");
    } finally {
      button.removeAttribute("aria-disabled");
      box.removeAttribute("aria-busy");
    }
  };
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button) return;
    if (changeRows(button)) { event.preventDefault(); return; }
    if (button.getAttribute("aria-disabled") === "true") { event.preventDefault(); return; }
    if (button.dataset.fragment) {
      event.preventDefault();
      sendInBackground(event.target, button);
      return;
    }
    // A second click sends nothing for a while: longer, and the navigation was stopped or failed. The browser may show
    // this page again later, by its Back button.
    setTimeout(() => button.setAttribute("aria-disabled", "true"));
    setTimeout(() => button.removeAttribute("aria-disabled"), SUBMIT_MS);
  });
  addEventListener("pageshow", () => all("[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled")));

  // An error goes when its field is changed.
  const setError = (field, input, text) => {
    field.classList.toggle("wrong", text !== "");
    field.querySelector(".error")?.remove();
    all(`#error-summary a[href="#${input.id}"]`).forEach((link) => link.closest("li").remove());
    if (byId("error-summary") && !byId("error-summary").querySelector("li")) byId("error-summary").remove();
    if (text === "") { input.removeAttribute("aria-invalid"); return; }
    const error = document.createElement("p");
    error.className = "error";
    error.id = `${input.id}-error`;
    error.textContent = text;
    input.before(error);
    input.setAttribute("aria-invalid", "true");
  };
  document.addEventListener("input", (event) => {
    const field = event.target.closest(".field.wrong");
    if (field) setError(field, ["event_types", "every_event"].includes(event.target.name) ? byId("event_types") : event.target, "");
  });
  document.addEventListener("focusout", (event) => {
    const input = event.target;
    if (input.id !== "url" || input.type !== "url") return;
    const text = input.value.trim();
    if (text !== "" && !/^https:\/\//i.test(text)) setError(input.closest(".field"), input, "Webhook URL must use HTTPS");
  });

  // Copy buttons.
  const copy = async (button) => {
    const source = byId(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      const before = button.textContent;
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = before; }, 2000);
    } catch {
      getSelection().selectAllChildren(source);
      if (source.select) source.select();
    }
  };

  // Event types: all, none, find, count.
  const boxes = () => all("input[name=event_types]");
  const count = () => {
    const line = byId("event-count");
    if (line) {
      line.textContent = byId("every_event").checked ? "All events"
        : `${boxes().filter((box) => box.checked).length} of ${boxes().length} selected`;
    }
  };
  const find = (words) => {
    const wanted = words.trim().toLowerCase();
    boxes().forEach((box) => {
      const label = box.closest("label");
      label.hidden = !label.textContent.toLowerCase().includes(wanted);
    });
    all(".group").forEach((group) => { group.hidden = !group.querySelector("label:not([hidden])"); });
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.copy) copy(button);
    if (button?.dataset.tick !== undefined) {
      boxes().forEach((box) => { if (!box.closest("[hidden]")) box.checked = button.dataset.tick === "1"; });
      count();
    }
  });
  document.addEventListener("change", (event) => {
    if (["event_types", "every_event"].includes(event.target.name)) count();
  });
  document.addEventListener("input", (event) => { if (event.target.id === "find") find(event.target.value); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.id === "find") event.preventDefault();
  });

  // Regions marked data-live are kept up to date while somebody looks, but never under their hands. Of a table with
  // named rows each row is a region of its own.
  const isInUse = (region) =>
    region.contains(document.activeElement) || region.querySelector("details[open], .unfolded") !== null ||
    (!getSelection().isCollapsed && region.contains(getSelection().anchorNode));
  const seen = new Map();
  const replaceWhenFree = (current, fresh, insert) => {
    if (seen.get(fresh.id) === fresh.innerHTML || isInUse(current)) return false;
    seen.set(fresh.id, fresh.innerHTML);
    insert(fresh);
    return true;
  };
  const updateRows = (table, fresh) => {
    let changed = false;
    const rows = new Map(all("tbody[id]", table).map((row) => [row.id, row]));
    let before = table.tHead;
    all("tbody[id]", fresh).forEach((row) => {
      const current = rows.get(row.id);
      rows.delete(row.id);
      let shown = current ?? row;
      if (!current) seen.set(row.id, row.innerHTML);
      else if (replaceWhenFree(current, row, (row) => current.replaceWith(row))) shown = row;
      if (shown === row) { settle(row); changed = true; }
      if (before.nextElementSibling !== shown) before.after(shown);
      before = shown;
    });
    rows.forEach((row) => { if (!isInUse(row)) row.remove(); });
    return changed;
  };
  const update = (region, fresh) => {
    const tables = [region, fresh].map((part) => part.querySelector("table:has(> tbody[id])"));
    if (tables.every(Boolean)) return updateRows(...tables);
    return replaceWhenFree(region, fresh, (fresh) => {
      region.replaceChildren(...fresh.childNodes);
      settle(region);
    });
  };
  let updated = new Date();
  const tellStale = (text) => {
    const line = byId("stale");
    if (!line) return;
    line.hidden = text === "";
    line.textContent = text;
  };
  const refresh = async () => {
    const answer = await fetch(location.href, { headers: { "X-Refresh": "1" } });
    if (answer.redirected) { location.reload(); return; }
    if (answer.status === 404) { tellStale("This page no longer exists. The webhook may have been deleted."); return; }
    if (!answer.ok) throw new Error(String(answer.status));
    const page = parse(await answer.text());
    const regions = all("[data-live]").map((region) => [region, page.getElementById(region.id)]);
    const changed = regions.map(([region, fresh]) => fresh !== null && update(region, fresh));
    updated = new Date();
    tellStale("");
    // What was done a while ago may be undone by now.
    if (changed.some(Boolean)) byId("flash").replaceChildren();
  };
  const keepFresh = async () => {
    if (!document.hidden) await refresh().catch(() => tellStale(`Not updated since ${format.format(updated)}.`));
    setTimeout(keepFresh, EVERY_MS);
  };

  // Loading the page again must not tell again what was done.
  const address = new URL(location.href);
  if (address.searchParams.has("done")) {
    address.searchParams.delete("done");
    history.replaceState(null, "", address);
  }

  all("[data-live], [data-live] tbody[id]").forEach((region) => seen.set(region.id, region.innerHTML));
  if (all("[data-live]").length > 1) setTimeout(keepFresh, EVERY_MS);
  settle(document);
  byId("error-summary")?.focus();
})();
