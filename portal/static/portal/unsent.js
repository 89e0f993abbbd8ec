/* What was written and not sent is put into its form again. Without this file it can be sent as it was. */
"use strict";

(() => {
  const kept = document.querySelector("form[data-unsent]");
  const addressOf = (form) => new URL(form.getAttribute("action") || window.location.href, window.location.href).pathname;
  const form = kept && [...document.querySelectorAll("form")].find(
    (each) => each !== kept && each.method === "post" && addressOf(each) === addressOf(kept),
  );
  if (!form) return;

  /** The values kept for each field, by its name, in the order of the form. */
  const values = new Map();
  for (const field of kept.querySelectorAll("input[data-kept]")) {
    values.set(field.name, [...(values.get(field.name) || []), field.value]);
  }

  const TICKED = "[type=checkbox], [type=radio]";
  const fields = (name) => [...form.elements].filter((each) => each.name === name);
  const tell = (field) => field.dispatchEvent(new Event("change", { bubbles: true }));

  /** Put the values into the fields of one name; says whether all found their place. */
  function fill(name, given) {
    const found = fields(name);
    if (found.every((each) => each.type === "hidden" || each.type === "submit")) return found.length > 0;
    if (found[0].matches(TICKED)) {
      found.forEach((each) => { each.checked = given.includes(each.value); });
      found.filter((each) => each.checked).forEach(tell);
      return given.every((value) => found.some((each) => each.value === value));
    }
    found.forEach((each, at) => {
      if (given[at] === undefined) return;
      each.value = given[at];
      tell(each);
    });
    return found.every((each, at) => given[at] === undefined || each.value === given[at]);
  }

  const lacking = [...values].filter(([name, given]) => !fill(name, given));
  for (const box of form.querySelectorAll("[type=checkbox]:checked")) {
    if (!values.has(box.name)) box.checked = false;
  }
  for (let box = form.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  for (const field of form.querySelectorAll("details [name]")) {
    if (field.type !== "hidden" && values.get(field.name)?.some(Boolean)) field.closest("details").open = true;
  }
  if (lacking.length) return;
  document.querySelector("[data-unsent-said]").hidden = true;
  document.querySelector("[data-unsent-filled]").hidden = false;
  kept.hidden = true;
  document.querySelectorAll(".unsent .kept").forEach((said) => { said.hidden = true; });
})();
