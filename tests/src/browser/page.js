// What a person sees and reaches, for `page.rs`: an object of functions.
({
  isShown(element) {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && element.checkVisibility({ visibilityProperty: true });
  },
  words(text) { return (text ?? "").replace(/\s+/g, " ").trim(); },
  // The name that a screen reader would say, as far as our pages go.
  name(element) {
    return this.words(element.getAttribute("aria-label") ?? element.innerText ?? element.textContent);
  },
  control(kind, name) {
    const selector = { button: "button", link: "a[href]", summary: "summary" }[kind];
    const named = [...document.querySelectorAll(selector)].filter((it) => this.words(it.textContent) === name);
    return named.find((it) => this.isShown(it) && it.tabIndex >= 0) ?? null;
  },
  field(label) {
    const labels = [...document.querySelectorAll("label")].filter((it) => this.words(it.textContent) === label);
    return labels.map((it) => it.control).find((it) => it && (this.isShown(it) || it.type === "checkbox")) ?? null;
  },
  // Where to click, after scrolling there; nothing while something else covers it.
  place(element) {
    if (!element) return null;
    element.scrollIntoView({ block: "center", behavior: "instant" });
    const box = element.getClientRects()[0];
    if (!box) return null;
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const top = document.elementFromPoint(x, y);
    return top && (element === top || element.contains(top) || top.contains(element)) ? [x, y] : null;
  },
  // Whether a click on it leads to another page; without scripts every form does.
  leaves(element, scripted) {
    const control = element?.closest("a[href], button");
    if (!control) return false;
    if (control.tagName === "A") return !control.getAttribute("href").startsWith("#");
    return control.type === "submit" && !(scripted && control.dataset.fragment);
  },
  // How the focused control looks to somebody who cannot see the mouse.
  focused() {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const style = getComputedStyle(element);
    const visible = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) && this.isShown(element);
    const label = element.labels?.[0]?.textContent;
    return { tag: element.tagName.toLowerCase(), name: this.words(label ?? this.name(element)), visible,
             index: [...document.querySelectorAll("*")].indexOf(element) };
  },
  // Everything that Tab has to reach, in the order of the document.
  reachable() {
    const controls = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]");
    return [...controls].filter((it) => it.tabIndex >= 0 && it.type !== "hidden" && !it.disabled && this.isShown(it))
      .map((it) => [...document.querySelectorAll("*")].indexOf(it));
  },
  // What sticks out to the right of the window.
  overflow() {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width && document.body.scrollWidth <= width) return [];
    const out = [...document.body.querySelectorAll("*")].filter((it) => it.getBoundingClientRect().right > width + 1);
    return [`scrolls to ${document.documentElement.scrollWidth} of ${width}`,
            ...out.slice(0, 5).map((it) => it.outerHTML.slice(0, 160))];
  },
})
