/* Keys and small helps. Every page works without this file; nothing here decides or checks anything. */
"use strict";

(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);

  // --- Single keys: off while somebody types, in a dialog, or when preferences say so (WCAG 2.1.4) ---

  const TYPING = "input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]";
  const ROWS = ".case-row, .flag[tabindex]";
  const MENUS = ".account[open], .menu[open]";

  function current() {
    return document.activeElement.closest(ROWS) || one(".current") || null;
  }

  function mark(row) {
    all(".current").forEach((other) => other.classList.remove("current"));
    row.classList.add("current");
  }

  function goTo(row) {
    mark(row);
    (row.matches(".case-row") ? one("a", row) : row).focus();
    row.scrollIntoView({ block: "nearest" });
  }

  function step(by) {
    const rows = all(ROWS);
    if (!rows.length) return false;
    const at = rows.indexOf(current());
    goTo(rows[at < 0 ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1)]);
    return true;
  }

  /** Click, or go into a field; says whether there was anything. */
  function press(element) {
    if (element?.matches(TYPING)) element.focus();
    else if (element) element.click();
    return Boolean(element);
  }

  function open(selector) {
    const box = one(selector);
    if (!box) return false;
    box.open = true;
    one("input:not([type=hidden]), select", box).focus();
    return true;
  }

  function claim() {
    const row = current();
    if (one("#cases :checked")) return press(one("#cases .case-bar button"));
    return press(row && one("button[name=case]", row));
  }

  function handOver() {
    const row = current();
    const box = row && one("input[type=checkbox]", row);
    if (box && !one(".cases :checked")) box.checked = true;
    return Boolean(one(".cases :checked")) && press(one("[value=hand_over], [action$='hand-over'] .case-bar button"));
  }

  /** Go to a matter; once there, fold its findings open or shut. */
  function toMatter(matter) {
    if (document.activeElement === matter) fold(all(".findings > li > details", matter));
    goTo(matter);
  }

  /** Open all, or shut all where none is shut. */
  function fold(boxes) {
    const shut = boxes.some((box) => !box.open);
    boxes.forEach((box) => { box.open = shut; });
    return shut;
  }

  /** Work on what is ticked: the button of that value. */
  const together = (value) => Boolean(one("#cases :checked")) && press(one(`#cases .case-bar [value=${value}]`));

  // A key that can do nothing says why: the page knows best (#why-not), else what is said here.

  const WHY_NOT = {
    j: "There is no list here to move in.",
    k: "There is no list here to move in.",
    o: "No row is chosen: press j first.",
    x: "No row is chosen: press j first.",
    c: "Nothing here can be claimed: choose a row that nobody has, or tick some.",
    h: "Nothing here can be handed over: choose a row first.",
    w: "Tick the cases that you want to work through first (x).",
    b: "There are no notes here to answer together.",
    n: "There is no next case here: open one from a list.",
    p: "There is no case before this one.",
    d: "There is nothing to decide on this page.",
    s: "There is nothing to snooze on this page.",
    e: "There is nothing to escalate on this page.",
    l: "No prescription can be logged from this page.",
    t: "No taper can be planned from this page.",
    u: "There is nothing to undo on this page.",
    "/": "There is no search on this page.",
    ...JSON.parse(one("#why-not")?.textContent || "{}"),
  };

  function say(text) {
    const said = one("#key-said");
    if (said) said.textContent = text;
  }

  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    o: () => press(current()?.matches(".case-row") && one("a", current())),
    x: () => press(current() && one("input[type=checkbox]", current())),
    c: claim,
    d: () => {
      const field = one("#confirm textarea") ?? one("#decide select, #decide textarea, #decide summary");
      field?.focus();
      return Boolean(field);
    },
    h: handOver,
    w: () => together("work"),
    b: () => press(one("#cases .case-bar [value=answer]")),
    s: () => open("#snooze"),
    e: () => open("#escalate"),
    "/": () => press(all("[type=search]").find((field) => field.offsetParent)),
    "?": () => {
      const help = one("#keys");
      if (help) help.showModal();
      return Boolean(help);
    },
  };

  // "None of these" stands alone among ticks.
  document.addEventListener("change", (event) => {
    const box = event.target;
    const group = box.type === "checkbox" && box.checked && box.closest(".segments");
    if (!group) return;
    const alone = "alone" in box.dataset;
    all("[type=checkbox]", group).forEach((other) => {
      if (other !== box && (alone || "alone" in other.dataset)) other.checked = false;
    });
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const form = document.activeElement.closest("form");
      const saves = form && all("[data-submit]").find((each) => each.form === form);
      // What is being written is sent by its own form, whatever else the page could save.
      const written = form && form.method === "post" && document.activeElement.matches("textarea, select, input:not([type]), input[type=text]");
      const own = saves || (written && form.querySelector("button[type=submit]"));
      const button = own || one("[data-submit]");
      if (button) event.preventDefault();
      // Nobody decides by a key before they have come to where it is decided.
      if (button && !own && button.closest("#decide")) say("Nothing was decided: go to the decision first (d).");
      else if (button) button.click();
      else say("There is nothing to save on this page.");
      return;
    }
    say("");
    if (event.key === "Escape") all(MENUS).forEach((menu) => { menu.open = false; });
    if (!("keys" in document.body.dataset) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches(TYPING) || one("dialog[open]")) return;
    let done = false;
    if (/^[1-9]$/.test(event.key)) {
      const matter = one(`#matter-${event.key}`);
      if (matter) toMatter(matter);
      done = Boolean(matter);
    } else {
      done = Boolean(KEYS[event.key] && KEYS[event.key]()) || press(one(`[data-key="${event.key}"]`));
    }
    if (done) event.preventDefault();
    else if (/^[1-9]$/.test(event.key)) say(`There is no matter ${event.key} on this page.`);
    else if (Object.hasOwn(WHY_NOT, event.key)) say(`${event.key}: ${WHY_NOT[event.key]}`);
  });

  document.addEventListener("focusin", (event) => {
    const row = event.target.closest(".case-row");
    if (row) mark(row);
  });

  document.addEventListener("click", (event) => {
    all(MENUS).forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });

  // A link to something folded away unfolds it.
  function unfold() {
    const target = window.location.hash.length > 1 && document.getElementById(window.location.hash.slice(1));
    for (let box = target && target.closest("details"); box; box = box.parentElement.closest("details")) {
      if (!box.open) {
        box.open = true;
        target.scrollIntoView();
      }
    }
  }

  all("[data-unfold]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => {
      const shut = fold(all(".findings > li > details", one(button.dataset.unfold)));
      button.textContent = shut ? "Fold all lines" : "Unfold all lines";
    });
  });

  window.addEventListener("hashchange", unfold);
  document.addEventListener("click", (event) => {
    // The address does not change when the same link is followed twice.
    if (event.target.closest("a[href^='#']")) setTimeout(unfold);
  });

  // --- The queue: how many are ticked; no refresh under somebody's hands, and no lost place ---

  function countTicked() {
    const said = one("[data-selected]");
    if (!said) return;
    const ticked = all("#cases :checked").length;
    said.textContent = ticked ? `${ticked} selected` : "Tick the cases you want to work on.";
  }

  const shown = (root) => one(".cases", root)?.textContent;

  let wantsNews = false;

  function inUse() {
    return !wantsNews && Boolean(one("#cases :checked, #cases:hover, #cases :focus"));
  }

  // What a refresh must give back: the row one stands on, where it is on the screen, what is ticked.
  let place = null;

  function keepPlace() {
    const row = one("#cases .current");
    place = {
      id: row?.id,
      top: row?.getBoundingClientRect().top,
      focused: Boolean(row?.contains(document.activeElement)) || wantsNews,
      ticked: all("#cases :checked").map((box) => box.closest(".case-row").id),
    };
  }

  function returnToPlace() {
    if (!place) return;
    for (const id of place.ticked) {
      const box = one(`#${id} input[type=checkbox]`);
      if (box) box.checked = true;
    }
    const row = place.id && document.getElementById(place.id);
    if (row) {
      mark(row);
      if (place.focused) one("a", row).focus({ preventScroll: true });
      window.scrollBy(0, row.getBoundingClientRect().top - place.top);
    }
    place = null;
    wantsNews = false;
  }

  document.addEventListener("click", (event) => {
    const news = event.target.closest("[data-show]");
    if (news) {
      event.preventDefault();
      wantsNews = true;
      window.htmx.trigger("#cases", "refresh");
    }
    // Coming back from a case, the list opens where it was left.
    const opened = event.target.closest("#cases .case-row a");
    if (opened) history.replaceState(history.state, "", `#${opened.closest(".case-row").id}`);
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === "cases" && document.hidden) event.preventDefault();
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.id !== "cases") return;
    if (!inUse()) {
      keepPlace();
      return;
    }
    // Rows must not move under a hand: say that there is news, and leave the list.
    const fresh = new DOMParser().parseFromString(event.detail.serverResponse, "text/html");
    const news = one("[data-news]");
    if (news && shown(fresh) !== shown(document)) news.hidden = false;
    event.detail.shouldSwap = false;
  });

  // Not before it settles: until then htmx gives elements the classes of those they replace.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "cases") returnToPlace();
    countTicked();
  });

  document.addEventListener("htmx:afterSwap", () => {
    pickTyped();
  });

  // A page out of the browser's memory may be of somebody who has signed out.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });

  // What could not be brought up to date must say so, or it would be taken for the newest.
  for (const failed of ["htmx:responseError", "htmx:sendError"]) {
    document.addEventListener(failed, (event) => {
      const target = event.detail.target;
      if (!target || one(".out-of-date", target)) return;
      const said = document.createElement("p");
      said.className = "tag unknown out-of-date";
      said.setAttribute("role", "alert");
      said.textContent = "NOT UP TO DATE: the portal did not answer";
      target.prepend(said);
    });
  }

  // --- A case: the reasons that go with the outcome chosen ---

  const REASONS = JSON.parse(one("#reasons-by-outcome")?.textContent || "{}");

  function fitReasons(outcome) {
    const reasons = one("select[name^=reason-]", outcome.parentElement);
    const fitting = REASONS[outcome.value] || [];
    for (const option of reasons.options) {
      const fits = !outcome.value || !option.value || fitting.includes(option.value);
      option.hidden = option.disabled = !fits;
      if (!fits && option.selected) reasons.value = "";
    }
    if (fitting.length === 1) reasons.value = fitting[0];
    // "As matter 1" has its reason there.
    reasons.required = outcome.required && !outcome.value.startsWith("as:");
  }

  /** The day that goes with the pre-set outcome is not that of another one. */
  function freeDay(outcome) {
    const day = one("input[name^=until-]", outcome.closest("fieldset"));
    if (day.dataset.preset && day.value === day.dataset.preset) day.value = "";
  }

  // --- A prescription: Enter picks the one medicine typed in full; its unit is where a dose begins ---

  let wanted = "";

  /** Enter chooses what was typed in full, and nothing else; else, as the arrow, it leads to the list. */
  function pickTyped() {
    const exact = wanted === "Enter" && one("#matches input[data-exact]");
    const first = exact || one("#matches input");
    if (!wanted || !first) return;
    wanted = "";
    if (exact) {
      exact.checked = true;
      exact.dispatchEvent(new Event("change", { bubbles: true }));
    }
    first.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (!event.target.matches("[data-picker]") || !["Enter", "ArrowDown"].includes(event.key)) return;
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    wanted = event.key;
    const said = one("#matches-hint").textContent;
    if (said.includes(`“${event.target.value.trim()}”`)) pickTyped();
  });

  function countIn(unit) {
    for (const select of all("select[name=dose_unit], select[name=quantity_unit]")) {
      if (unit && (!select.value || "auto" in select.dataset)) {
        select.value = unit;
        select.dataset.auto = "";
      }
    }
  }

  // --- Forms ---

  document.addEventListener("change", (event) => {
    const changed = event.target;
    if (changed.matches("#cases input")) countTicked();
    if (changed.matches("#decide select[name^=outcome-]")) {
      fitReasons(changed);
      freeDay(changed);
    }
    if (changed.matches("#matches input")) countIn(changed.dataset.unit);
    if (changed.matches("select[data-auto]")) delete changed.dataset.auto;
  });

  // Pressed twice is meant once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if ("sent" in form.dataset) event.preventDefault();
    form.dataset.sent = "";
  });
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => { delete form.dataset.sent; }));

  // --- Copy, print ---

  async function copy(button) {
    const field = one(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {  // no permission, or no secure page
      field.closest("details").open = true;
      field.select();
      if (!document.execCommand("copy")) return "Marked: copy it with Ctrl+C";
    }
    return "Copied: paste it into the clinical system";
  }

  all("[data-copy], [data-print]").forEach((button) => { button.hidden = false; });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-print]");
    if (!button) return;
    if ("print" in button.dataset) window.print();
    else button.parentElement.querySelector("[data-copied]").textContent = await copy(button);
  });

  all("#decide select[name^=outcome-]").forEach(fitReasons);
  countTicked();
  unfold();
  const left = window.location.hash.startsWith("#case-") && one(window.location.hash);
  if (left) goTo(left);
  const refused = one(".notice[role=alert]");
  if (refused && !one("[autofocus]")) {
    refused.tabIndex = -1;
    refused.focus();
  }
})();
