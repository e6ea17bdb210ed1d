// What one person says of the texts of a sheet, where it is kept, and the file that it becomes.

const $ = (id) => document.getElementById(id);
const sheet = JSON.parse($("sheet").textContent);
const rows = sheet.rows;
const FIELDS = ["idx", "sha256", "decision", "reason", "label", "text", "comment", "blind", "decided_at"];
const STORAGE_KEY = `sdc-review:${sheet.sheet}`;

// What is known of each row; `seen` is whether the judge's verdict was ever shown before it was decided.
const blank = () => ({
  decision: null, reason: null, label: null, text: null, comment: null, decided_at: null, seen: false,
});
const state = { reviewer: sheet.reviewer, started_at: new Date().toISOString(), at: 0, rows: rows.map(blank) };
let unsaved = false; // decided since the last saved file
let storage = true;

// What memory or a file holds of a row, if it is something that this page could have written.
function sound(one) {
  const words = (value) => value === null || typeof value === "string";
  const { decision, reason, label, text, comment, decided_at, seen } = { ...blank(), ...one };
  const said = decision === "reject" ? Object.hasOwn(sheet.reasons, reason) : reason === null;
  const decided = [null, "accept", "reject"].includes(decision);
  const known = label === null || sheet.labels.some((other) => other.name === label);
  if (!said || !decided || !known || ![text, comment, decided_at].every(words)) return blank();
  if (decision !== "accept" && (label !== null || text !== null)) return blank();
  return { decision, reason, label, text, comment, decided_at, seen: Boolean(seen) };
}

// A file:// page, a private window or a mail program may forbid storage: then the file is the only memory.
function keep() {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify({ ...state, unsaved }));
  } catch {
    storage = false;
  }
  $("kept").textContent = unsaved ? "Not saved as a file yet." : "";
  $("storage").textContent = storage
    ? "What you decide is kept in this browser too."
    : "This browser keeps nothing: save before you close the page.";
}

function recall() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORAGE_KEY));
    if (kept?.rows?.length !== rows.length) return;
    kept.rows.forEach((one, at) => (state.rows[at] = sound(one)));
    state.reviewer = String(kept.reviewer || state.reviewer);
    state.started_at = kept.started_at || state.started_at;
    state.at = Math.min(rows.length - 1, Math.max(0, kept.at | 0));
    unsaved = Boolean(kept.unsaved);
  } catch {
    // Forbidden, or not ours: start anew.
  }
}

const wellFormed = (text) => (text.toWellFormed ? text.toWellFormed() : text.replace(/\p{Cs}/gu, "\ufffd"));

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (~crc >>> 0).toString(16).padStart(8, "0");
}

function review() {
  const said = rows
    .map((row, at) => ({ ...state.rows[at], idx: row.idx, sha256: row.sha256, blind: !state.rows[at].seen }))
    .filter((one) => one.decision !== null || one.comment !== null)
    .map((one) => Object.fromEntries(FIELDS.map((field) => [field, one[field]])));
  const labels = sheet.labels.map((label) => label.name);
  const reviewer = wellFormed(state.reviewer.trim());
  const about = [sheet.sheet, sheet.generation, sheet.judgement, labels, reviewer];
  const content = JSON.stringify([...about, said.map((row) => FIELDS.map((field) => row[field]))]);
  return {
    format: sheet.format, version: sheet.version, sheet: sheet.sheet, generation: sheet.generation,
    judgement: sheet.judgement, lang: sheet.lang, task: sheet.task, labels, reviewer,
    started_at: state.started_at, saved_at: new Date().toISOString(), num_shown: rows.length, rows: said,
    check: crc32(new TextEncoder().encode(content)),
  };
}

function save() {
  close();
  if (!state.reviewer.trim()) {
    complain("Please type your name first: it goes into the file.");
    return $("reviewer").focus();
  }
  if (!state.rows.some((one) => !isOpen(one))) return complain("Nothing is decided yet.");
  const text = JSON.stringify(review(), null, 1);
  const who = state.reviewer.trim().replace(/[^\p{L}\p{M}\p{N}]+/gu, "-");
  const name = `review-${sheet.lang}-${sheet.task}-${who}.json`.replace(/[\\/:*?"<>|\s]+/g, "-");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  unsaved = false;
  keep();
  $("saved").hidden = false;
  $("saved-as").textContent = `Saved as ${name}.`;
  $("saved-text").value = text;
  say(`Saved as ${name}.`);
  $("saved-as").focus();
}

async function load(file) {
  try {
    const given = JSON.parse(await file.text());
    if (given.format !== sheet.format || given.generation !== sheet.generation) throw new Error("another sheet's");
    const positions = new Map(rows.map((row, at) => [`${row.idx} ${row.sha256}`, at]));
    for (const one of given.rows) {
      const at = positions.get(`${one.idx} ${one.sha256}`);
      if (at === undefined) continue;
      state.rows[at] = sound({ ...one, seen: !one.blind });
    }
    state.reviewer = $("reviewer").value = String(given.reviewer || state.reviewer);
    state.started_at = given.started_at || state.started_at;
    undone.length = 0;
    squares();
    next();
    say("Loaded.");
  } catch {
    complain("That file is no saved review of this sheet.");
  }
}
