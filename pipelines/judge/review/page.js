// The review page: one text at a time, decided by keys or buttons. `page_state.js`, `page_marks.js` and `page_panels.js`
// come before it, and all four are one function.

const undone = [];
let unblind = false;

// -- what is decided --------------------------------------------------------------------------------------------

const here = () => state.rows[state.at];
const isOpen = (one) => one.decision === null;
const isChanged = (one) => one.label !== null || one.text !== null;
const kind = (one) => (isOpen(one) ? "open" : one.decision === "reject" ? "no" : isChanged(one) ? "changed" : "yes");
const WORDS = { open: "open", no: "rejected", changed: "changed and accepted", yes: "accepted" };
const SIGNS = { open: "", no: "✕", changed: "✎", yes: "✓" };

function change(what, said) {
  undone.push([state.at, { ...here() }]);
  Object.assign(here(), what, { seen: here().seen || (unblind && rows[state.at].verdict !== null) });
  if ("decision" in what) here().decided_at = new Date().toISOString();
  unsaved = true;
  keep();
  square(state.at);
  say(said);
}

function undo() {
  if (!undone.length) return;
  const [at, before] = undone.pop();
  const seen = state.rows[at].seen || before.seen;
  state.rows[at] = { ...before, seen };
  unsaved = true;
  keep();
  square(at);
  say("Undone.");
  go(at);
}

function accept() {
  change({ decision: "accept", reason: null }, "Accepted.");
  next();
}

function reject(reason) {
  change({ decision: "reject", reason, label: null, text: null }, "Rejected.");
  next();
}

function relabel(name) {
  const label = name === rows[state.at].label ? null : name;
  change({ decision: "accept", reason: null, label }, label ? `Label changed to ${name}.` : "Label as it was.");
  close();
  show();
}

function editDone() {
  const text = wellFormed($("edited").value);
  if (!text.trim()) return complain("A text cannot be empty. Reject it instead.");
  const same = text === rows[state.at].text.replaceAll("\r\n", "\n").replaceAll("\r", "\n");
  change({ decision: "accept", reason: null, text: same ? null : text }, same ? "Text as it was." : "Text corrected.");
  close();
  show();
}

function commentDone() {
  change({ comment: wellFormed($("comment").value).trim() || null }, "Comment kept.");
  close();
  show();
}

// -- showing ----------------------------------------------------------------------------------------------------

function show() {
  const row = rows[state.at];
  const one = here();
  const decided = state.rows.filter((other) => !isOpen(other)).length;
  $("where").textContent = `Text ${state.at + 1} of ${rows.length}`;
  $("state").textContent = one.decision === "reject" ? `rejected: ${sheet.reasons[one.reason]}` : WORDS[kind(one)];
  $("card").dataset.kind = kind(one);
  $("label").textContent = one.label ?? row.label;
  $("old-label").hidden = one.label === null;
  $("old-label").textContent = row.label;
  $("meaning").textContent = sheet.labels.find((label) => label.name === (one.label ?? row.label))?.description ?? "";
  draw($("text"), one.text ?? row.text);
  $("text").scrollTop = 0;
  $("old").hidden = one.text === null;
  $("old").open = false;
  draw($("old-text"), row.text);
  $("remark").hidden = one.comment === null;
  $("remark").textContent = one.comment ?? "";
  showVerdict(row.verdict);
  $("count").textContent = `${decided} of ${rows.length} decided`;
  $("hint").hidden = decided > 0;
  $("bar").max = rows.length;
  $("bar").value = decided;
  $("undo").disabled = !undone.length;
  $("back").disabled = state.at === 0;
  $("forward").disabled = state.at === rows.length - 1;
  $("squares").querySelector("[aria-current]")?.removeAttribute("aria-current");
  $("squares").children[state.at]?.firstChild.setAttribute("aria-current", "true");
}

function showVerdict(verdict) {
  $("verdict").hidden = !unblind || verdict === null;
  if ($("verdict").hidden) return;
  const said = verdict.accepted ? "accepts it" : `rejects it${verdict.reason ? `: ${verdict.reason}` : ""}`;
  draw($("verdict"), `The judge (${verdict.by}) ${said}`);
  if (isOpen(here())) here().seen = true;
}

function square(at) {
  const button = $("squares").children[at]?.firstChild;
  if (!button) return;
  const name = kind(state.rows[at]);
  button.dataset.kind = name;
  button.textContent = SIGNS[name] || at + 1;
  button.setAttribute("aria-label", `Text ${at + 1}, ${rows[at].label}: ${WORDS[name]}`);
}

function squares() {
  $("squares").replaceChildren(
    ...rows.map((_, at) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.addEventListener("click", () => go(at));
      item.append(button);
      return item;
    }),
  );
  rows.forEach((_, at) => square(at));
}

function go(at) {
  close();
  state.at = Math.max(0, Math.min(rows.length - 1, at));
  show();
  keep();
}

function next() {
  const later = [...rows.keys()].map((step) => (state.at + 1 + step) % rows.length);
  const at = later.find((candidate) => isOpen(state.rows[candidate]));
  if (at !== undefined) return go(at);
  go(state.at);
  say("Everything is decided. Save the review now.");
  $("save").focus();
}

function say(text) {
  $("live").textContent = text;
  $("problem").hidden = true;
}

function complain(text) {
  $("problem").textContent = text;
  $("problem").hidden = false;
}

// -- keys and buttons -------------------------------------------------------------------------------------------

const COMMANDS = {
  a: accept, r: () => toggle("reject"), l: () => toggle("relabel"), e: () => toggle("edit"),
  c: () => toggle("comment-on"), u: undo, s: save, n: next, j: () => go(state.at + 1), k: () => go(state.at - 1),
  arrowright: () => go(state.at + 1), arrowleft: () => go(state.at - 1), "?": help,
};

function help() {
  $("help").open = !$("help").open;
  if ($("help").open) $("help").firstElementChild.focus();
}

// Reviewers type in their own script: on a Hebrew layout the key of A gives another letter, but the same place.
function letter(event) {
  if (/^[\x20-\x7e]$/.test(event.key) || event.key.length > 1) return event.key.toLowerCase();
  return (/^Key([A-Z])$/.exec(event.code)?.[1] ?? /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1] ?? "").toLowerCase();
}

function onKey(event) {
  const typing = event.target.matches("textarea, input:not([type=checkbox]):not([type=file])");
  if (event.key === "Escape" && open !== null) {
    event.preventDefault();
    return close();
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && (open === "edit" || open === "comment-on")) {
    event.preventDefault();
    return open === "edit" ? editDone() : commentDone();
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return undefined;
  const key = letter(event);
  const list = open === "reject" ? $("reasons") : open === "relabel" ? $("labels") : null;
  if (list && /^(arrow(up|down))$/.test(key)) {
    event.preventDefault();
    const buttons = [...list.children];
    const at = buttons.indexOf(document.activeElement) + (key === "arrowdown" ? 1 : -1);
    return buttons[(at + buttons.length) % buttons.length].focus();
  }
  if (!$("shortcuts").checked) return undefined;
  if (list && /^[1-9]$/.test(key) && list.children[key - 1]) {
    event.preventDefault();
    return list.children[key - 1].click();
  }
  const scrolls = key.startsWith("arrow") && event.target.matches("summary, input");
  if (!COMMANDS[key] || scrolls || event.repeat) return undefined;
  event.preventDefault();
  return COMMANDS[key]();
}

function start() {
  recall();
  choices($("reasons"), Object.entries(sheet.reasons), reject);
  choices($("labels"), sheet.labels.map((label) => [label.name, label.name, label.description]), relabel);
  squares();
  $("reviewer").value = state.reviewer;
  $("unblind-row").hidden = $("unblind-why").hidden = rows.every((row) => row.verdict === null);
  for (const name of Object.keys(PANELS)) $(name).addEventListener("click", () => toggle(name));
  for (const button of document.querySelectorAll(".cancel")) button.addEventListener("click", close);
  for (const [id, run] of Object.entries({
    accept, undo, save, "edit-done": editDone, "comment-done": commentDone,
    back: () => go(state.at - 1), forward: () => go(state.at + 1),
  })) $(id).addEventListener("click", run);
  $("edited").addEventListener("input", invisible);
  $("edit-strip").addEventListener("click", () => {
    $("edited").value = [...$("edited").value].filter((c) => !isHidden(c)).join("");
    invisible();
  });
  $("reviewer").addEventListener("input", () => {
    state.reviewer = $("reviewer").value;
    keep();
  });
  $("unblind").addEventListener("change", () => {
    unblind = $("unblind").checked;
    show();
    keep();
  });
  $("load").addEventListener("change", () => $("load").files.length && load($("load").files[0]));
  document.addEventListener("keydown", onKey);
  window.addEventListener("beforeunload", (event) => {
    if (unsaved && !storage) event.preventDefault();
  });
  show();
  keep();
}

start();
