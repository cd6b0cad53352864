// Makes the pages pleasant; every link and form works without it. No inline code anywhere: the content security policy
// forbids it.
(() => {
  "use strict";
  const EVERY_MS = 3000;
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
      say(box, "That did not work. Load the page again, then try again.");
    } finally {
      button.removeAttribute("aria-disabled");
      box.removeAttribute("aria-busy");
    }
  };
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button) return;
    if (button.getAttribute("aria-disabled") === "true") { event.preventDefault(); return; }
    if (!button.dataset.fragment) return;
    event.preventDefault();
    sendInBackground(event.target, button);
  });

  // Copy buttons.
  const copy = async (button) => {
    const source = byId(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      say(byId("flash"), "Copied.");
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
    if (line) line.textContent = `${boxes().filter((box) => box.checked).length} of ${boxes().length} selected`;
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
  document.addEventListener("change", (event) => { if (event.target.name === "event_types") count(); });
  document.addEventListener("input", (event) => { if (event.target.id === "find") find(event.target.value); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.id === "find") event.preventDefault();
  });

  // Regions marked data-live are kept up to date while somebody looks, but never under their hands.
  const isInUse = (region) =>
    region.contains(document.activeElement) || region.querySelector("details[open]") !== null ||
    (!getSelection().isCollapsed && region.contains(getSelection().anchorNode));
  const seen = new Map();
  const refresh = async () => {
    const answer = await fetch(location.href, { headers: { "X-Refresh": "1" } });
    if (answer.redirected) { location.reload(); return; }
    if (!answer.ok) return;
    const page = parse(await answer.text());
    let changed = false;
    all("[data-live]").forEach((region) => {
      const fresh = page.getElementById(region.id);
      if (!fresh || isInUse(region) || seen.get(region.id) === fresh.innerHTML) return;
      seen.set(region.id, fresh.innerHTML);
      region.replaceChildren(...fresh.childNodes);
      settle(region);
      changed = true;
    });
    // What was done a while ago may be undone by now.
    if (changed) byId("flash").replaceChildren();
  };
  const keepFresh = async () => {
    if (!document.hidden) await refresh().catch(() => {});
    setTimeout(keepFresh, EVERY_MS);
  };

  // Loading the page again must not tell again what was done.
  const address = new URL(location.href);
  if (address.searchParams.has("done")) {
    address.searchParams.delete("done");
    history.replaceState(null, "", address);
  }

  all("[data-live]").forEach((region) => seen.set(region.id, region.innerHTML));
  if (all("[data-live]").length > 1) setTimeout(keepFresh, EVERY_MS);
  settle(document);
  byId("error-summary")?.focus();
})();
